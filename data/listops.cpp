#include "data/listops.h"

#include <algorithm>
#include <numeric>

namespace lw {
namespace {

enum Operator { minimum, maximum, median, sum_modulo, operators };

int64_t apply(int64_t what, std::vector<int64_t> values) {
  switch (what) {
    case minimum:
      return *std::min_element(values.begin(), values.end());
    case maximum:
      return *std::max_element(values.begin(), values.end());
    case median: {
      std::sort(values.begin(), values.end());
      const size_t n = values.size();
      return (values[(n - 1) / 2] + values[n / 2]) / 2;
    }
    default:
      return std::accumulate(values.begin(), values.end(), int64_t{0}) % 10;
  }
}

/// Draws expressions with the numbers of one sample.
class Generator {
 public:
  Generator(const ListopsOptions& o, const Random& draws) : o_(o), draws_(draws) {}

  /// An expression of a length within the bounds.
  std::vector<int64_t> expression() {
    for (;;) {
      tokens_.clear();
      value(1);
      if (static_cast<int64_t>(tokens_.size()) >= o_.min_length &&
          static_cast<int64_t>(tokens_.size()) <= o_.length)
        return tokens_;
    }
  }

 private:
  int64_t draw(int64_t choices) { return draws_.integer_at(next_++, choices); }

  void value(int64_t depth) {
    // An expression that has grown too long is given up as soon as that is seen.
    if (static_cast<int64_t>(tokens_.size()) > o_.length) return;
    const bool list = depth == 1 || (depth < o_.max_depth && draw(4) == 0);
    if (!list) return tokens_.push_back(listops_digit + draw(10));
    tokens_.push_back(listops_operator + draw(operators));
    for (int64_t arguments = 2 + draw(o_.max_args - 1); arguments > 0; --arguments)
      value(depth + 1);
    tokens_.push_back(listops_end);
  }

  const ListopsOptions& o_;
  Random draws_;
  uint64_t next_ = 0;
  std::vector<int64_t> tokens_;
};

class Listops final : public Dataset {
 public:
  Listops(const ListopsOptions& o, int64_t size, const Random& random)
      : o_(o), size_(size), random_(random) {}

  int64_t size() const override { return size_; }

  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size());
    Batch batch;
    batch.inputs = Tensor::full({n, o_.length}, listops_pad, DType::i64, host);
    batch.targets = Tensor::empty({n}, DType::i64, host);
    batch.lengths = Tensor::empty({n}, DType::i64, host);
    for (int64_t i = 0; i < n; ++i) {
      const auto index = static_cast<uint64_t>(indices[static_cast<size_t>(i)]);
      const std::vector<int64_t> tokens = Generator(o_, random_.fork(index)).expression();
      std::copy(tokens.begin(), tokens.end(), batch.inputs.data<int64_t>() + i * o_.length);
      batch.targets.data<int64_t>()[i] = listops_value(tokens);
      batch.lengths.data<int64_t>()[i] = static_cast<int64_t>(tokens.size());
    }
    return batch;
  }

 private:
  ListopsOptions o_;
  int64_t size_;
  Random random_;
};

DataSource make_listops(const ListopsOptions& o, const DataContext& context) {
  check(o.min_length <= o.length, "data.min_length is ", o.min_length,
        ", larger than data.length = ", o.length);
  // The longest expression: max_args lists at every depth but the last, which has digits.
  double longest = 1;
  for (int64_t depth = 1; depth < std::max<int64_t>(2, o.max_depth); ++depth)
    longest = 2 + static_cast<double>(o.max_args) * longest;
  check(static_cast<double>(o.min_length) <= longest / 2, "data.min_length is ", o.min_length,
        ", but expressions of depth ", o.max_depth, " with ", o.max_args,
        " arguments are hardly ever so long\n  take a larger data.max_depth or data.max_args");
  const Random random = Random(context.seed).fork("listops");
  DataSource source;
  source.task = {.vocabulary = listops_vocabulary,
                 .length = o.length,
                 .target = Task::Target::label,
                 .classes = 10};
  source.fingerprint = str("listops seed=", context.seed, " length=", o.min_length, "-", o.length,
                           " depth=", o.max_depth, " arguments=", o.max_args, " train=", o.train,
                           " validation=", o.validation);
  source.train = std::make_unique<Listops>(o, o.train, random.fork("train"));
  source.val = std::make_unique<Listops>(o, o.validation, random.fork("val"));
  source.test = std::make_unique<Listops>(o, o.test, random.fork("test"));
  return source;
}

const bool registered = datasets().add<ListopsOptions>("listops", &make_listops);

}  // namespace

int64_t listops_value(std::span<const int64_t> tokens) {
  struct List {
    int64_t what;
    std::vector<int64_t> values;
  };
  std::vector<List> open{{maximum, {}}};  // a list of the one value
  for (const int64_t token : tokens) {
    if (token >= listops_digit && token < listops_operator) {
      open.back().values.push_back(token - listops_digit);
    } else if (token >= listops_operator && token < listops_end) {
      open.push_back({token - listops_operator, {}});
    } else {
      check(token == listops_end && open.size() > 1 && !open.back().values.empty(),
            "listops: token ", token, " stands where no list ends");
      const int64_t value = apply(open.back().what, open.back().values);
      open.pop_back();
      open.back().values.push_back(value);
    }
  }
  check(open.size() == 1 && open[0].values.size() == 1,
        "listops: the tokens are no single expression");
  return open[0].values[0];
}

void ListopsOptions::describe(Fields& f) {
  f.optional("length", length, "tokens of the longest sample", at_least(4));
  f.optional("min_length", min_length, "tokens of the shortest sample", at_least(4));
  f.optional("max_depth", max_depth, "lists within lists", positive());
  f.optional("max_args", max_args, "arguments of a list, at least 2", at_least(2));
  f.optional("train", train, "samples of the training split", positive());
  f.optional("validation", validation, "samples of the validation split", positive());
  f.optional("test", test, "samples of the test split", positive());
}

}  // namespace lw
