#include "optim/gradient_sums.h"

#include <algorithm>
#include <numeric>

#include "autograd/profile.h"

namespace lw {

GradientSums::GradientSums(const FlatParameters& parameters, const Parameters& registered,
                           Communicator& ranks, int64_t bucket_bytes)
    : parameters_(parameters), ranks_(ranks) {
  if (ranks.size() == 1) return;
  const auto place_of = [&](const Variable& value) {
    return static_cast<size_t>(
        std::find_if(registered.begin(), registered.end(),
                     [&](const Parameter& p) { return p.value.same_as(value); }) -
        registered.begin());
  };
  const std::vector<FlatParameters::Entry>& entries = parameters_.entries();
  const int64_t size = parameters_.gradients().numel();
  const int64_t most = bucket_bytes / size_of(parameters_.gradients().dtype());
  for (size_t i = 0; i < entries.size(); ++i) {
    const int64_t end = i + 1 < entries.size() ? entries[i + 1].offset : size;
    const size_t place = place_of(entries[i].parameter.value);
    if (buckets_.empty() || buckets_.back().end - buckets_.back().begin >= most)
      buckets_.push_back({entries[i].offset, end, place, 0});
    Bucket& bucket = buckets_.back();
    bucket.end = end;
    bucket.first_registered = std::min(bucket.first_registered, place);
    ++bucket.parameters;
    members_.push_back({entries[i].parameter.value, buckets_.size() - 1});
  }

  std::vector<size_t> order(buckets_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return buckets_[a].first_registered > buckets_[b].first_registered;
  });
  std::vector<Bucket> ordered;
  std::vector<size_t> position(order.size());
  for (const size_t b : order) position[b] = ordered.size(), ordered.push_back(buckets_[b]);
  buckets_ = std::move(ordered);
  for (Member& member : members_) {
    member.bucket = position[member.bucket];
    member.parameter.on_gradient([this, &member](const Tensor&) { complete(member); });
  }
}

GradientSums::~GradientSums() {
  for (Member& member : members_) member.parameter.on_gradient(nullptr);
}

void GradientSums::expect() {
  for (Bucket& bucket : buckets_) bucket.missing = bucket.parameters;
  for (Member& member : members_) member.complete = false;
  started_ = 0, expecting_ = true;
}

void GradientSums::finish() {
  expecting_ = false;
  if (buckets_.empty()) return;
  parameters_
      .complete_gradients();  // a parameter that this rank has not used may have a gradient on another
  start(/*all=*/true);
  ranks_.wait_sums();
  Profile::mark("sums over ranks", Profile::Pass::backward);
}

void GradientSums::complete(Member& member) {
  if (!expecting_) return;
  check(!member.complete,
        "GradientSums: the gradient of a parameter grew after it was complete; a layer must not "
        "use one parameter in "
        "several calls of checkpoint()");
  member.complete = true;
  --buckets_[member.bucket].missing;
  start(/*all=*/false);
}

void GradientSums::start(bool all) {
  for (; started_ < buckets_.size() && (all || buckets_[started_].missing == 0); ++started_)
    ranks_.start_sum(
        parameters_.gradients().slice(0, buckets_[started_].begin, buckets_[started_].end));
}

}  // namespace lw
