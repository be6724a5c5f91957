// GradientSums: adds up the gradients of all ranks while the backward pass goes on.
//
//   sums.expect();             the backward pass that follows completes the gradients
//   loss.backward();           a bucket of gradients that is complete is on its way
//   sums.finish();             what is left is sent, and all of it awaited
//
// A bucket is a run of neighbours in the flat buffer, at least `bucket_bytes` long; it is added up in place, without a
// copy. Buckets leave in a fixed order, the same on every rank: first those whose parameters the backward pass reaches
// first, as the order of registration tells.
//
// Cost: with one rank none. Determinism: as of Communicator::start_sum.
// Errors: a parameter whose gradient grows after it was complete, as in a layer that uses one parameter in two calls
// of checkpoint(), throws Error.
#pragma once

#include "core/communicator.h"
#include "optim/flat.h"

namespace lw {

class GradientSums {
 public:
  /// `registered`: the parameters in the order of registration.
  GradientSums(const FlatParameters& parameters, const Parameters& registered, Communicator& ranks,
               int64_t bucket_bytes = int64_t{1} << 20);
  ~GradientSums();
  GradientSums(const GradientSums&) = delete;

  void expect();
  void finish();

 private:
  struct Bucket {
    int64_t begin, end;       // in elements of the flat buffer
    size_t first_registered;  // of its parameters, the one that backward reaches last
    int64_t parameters;
    int64_t missing = 0;  // gradients that are not complete
  };
  struct Member {
    Variable parameter;
    size_t bucket;
    bool complete = false;
  };
  void complete(Member& member);
  /// Starts the buckets that are next in order and complete; with `all`, every one.
  void start(bool all);

  FlatParameters parameters_;
  Communicator& ranks_;
  std::vector<Bucket> buckets_;  // in the order in which they leave
  std::vector<Member> members_;
  size_t started_ = 0;
  bool expecting_ = false;
};

}  // namespace lw
