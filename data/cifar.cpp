#include "data/cifar.h"

#include <array>
#include <cmath>
#include <filesystem>

#include "core/digest.h"
#include "core/files.h"

namespace lw {
namespace {

namespace fs = std::filesystem;

constexpr int64_t pixels = 32 * 32, record = 1 + 3 * pixels;
constexpr int64_t classes = 10, largest_file = int64_t{1} << 30;

/// Appends the records of a file.
void read_records(const fs::path& file, std::string& records) {
  if (!fs::is_regular_file(file))
    throw Error(str(file.string(),
                    ": error: there is no such file\n  expected those of the binary version of "
                    "CIFAR-10: data_batch_1.bin to data_batch_5.bin and test_batch.bin"),
                ErrorKind::data);
  const std::string bytes = read_file(file, largest_file);
  const auto size = static_cast<int64_t>(bytes.size());
  if (size == 0 || size % record != 0)
    throw Error(str(file.string(), ": error: ", size, " bytes are no whole number of images of ",
                    record, " bytes"),
                ErrorKind::data);
  for (int64_t i = 0; i < size / record; ++i)
    if (const auto label = static_cast<uint8_t>(bytes[static_cast<size_t>(i * record)]);
        label >= classes)
      throw Error(str(file.string(), ": error: image ", i, " has the label ", int{label},
                      ", expected 0 to 9"),
                  ErrorKind::data);
  records += bytes;
}

/// The values of an image, standardised: [channel] for each pixel.
struct Look {
  int64_t channels;
  std::array<double, 3> mean{}, deviation{1, 1, 1};

  double raw(const uint8_t* planes, int64_t pixel, int64_t channel) const {
    const auto color = [&](int64_t c) { return planes[c * pixels + pixel] / 255.0; };
    return channels == 3 ? color(channel) : 0.299 * color(0) + 0.587 * color(1) + 0.114 * color(2);
  }
  float operator()(const uint8_t* planes, int64_t pixel, int64_t channel) const {
    const auto c = static_cast<size_t>(channel);
    return static_cast<float>((raw(planes, pixel, channel) - mean[c]) / deviation[c]);
  }
};

const uint8_t* image(const std::string& records, int64_t index) {
  return reinterpret_cast<const uint8_t*>(records.data()) + index * record + 1;
}

Look look_of(const std::string& records, int64_t channels) {
  Look look{channels};
  const auto count = static_cast<int64_t>(records.size()) / record;
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0, square = 0;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t p = 0; p < pixels; ++p) {
        const double x = look.raw(image(records, i), p, c);
        sum += x, square += x * x;
      }
    const auto total = static_cast<double>(count * pixels);
    const auto at = static_cast<size_t>(c);
    look.mean[at] = sum / total;
    look.deviation[at] = std::sqrt(std::max(square / total - look.mean[at] * look.mean[at], 1e-12));
  }
  return look;
}

class Cifar final : public Dataset {
 public:
  /// Images [begin, end) of `records`.
  Cifar(std::shared_ptr<const std::string> records, const Look& look, int64_t begin, int64_t end)
      : records_(std::move(records)), look_(look), begin_(begin), size_(end - begin) {}

  int64_t size() const override { return size_; }

  Batch batch(std::span<const int64_t> indices, int64_t) const override {
    const auto n = static_cast<int64_t>(indices.size());
    Batch batch;
    batch.inputs = Tensor::empty({n, pixels, look_.channels}, DType::f32, host);
    batch.targets = Tensor::empty({n}, DType::i64, host);
    float* out = batch.inputs.data<float>();
    for (int64_t i = 0; i < n; ++i) {
      const uint8_t* planes = image(*records_, begin_ + indices[static_cast<size_t>(i)]);
      batch.targets.data<int64_t>()[i] = planes[-1];
      for (int64_t p = 0; p < pixels; ++p)
        for (int64_t c = 0; c < look_.channels; ++c) *out++ = look_(planes, p, c);
    }
    return batch;
  }

 private:
  std::shared_ptr<const std::string> records_;
  Look look_;
  int64_t begin_, size_;
};

DataSource make_cifar(const CifarOptions& o, const DataContext& context) {
  const fs::path folder = data_folder(context, "cifar");
  const auto train = std::make_shared<std::string>(), test = std::make_shared<std::string>();
  for (int i = 1; i <= 5; ++i) read_records(folder / str("data_batch_", i, ".bin"), *train);
  read_records(folder / "test_batch.bin", *test);
  const auto count = [](const std::string& records) {
    return static_cast<int64_t>(records.size()) / record;
  };
  check(o.validation < count(*train), "data.validation is ", o.validation, ", but there are only ",
        count(*train), " training images");
  const Look look = look_of(*train, o.grey ? 1 : 3);
  const int64_t held_out = count(*train) - o.validation;
  DataSource source;
  source.task = {.features = look.channels,
                 .length = pixels,
                 .target = Task::Target::label,
                 .classes = classes};
  source.fingerprint =
      str(xxh3(train->data(), std::ssize(*train)), " test=", xxh3(test->data(), std::ssize(*test)),
          " validation=", o.validation, " grey=", o.grey);
  source.train = std::make_unique<Cifar>(train, look, 0, held_out);
  if (o.validation > 0) source.val = std::make_unique<Cifar>(train, look, held_out, count(*train));
  source.test = std::make_unique<Cifar>(test, look, 0, count(*test));
  return source;
}

const bool registered = datasets().add<CifarOptions>("cifar", &make_cifar);

}  // namespace

void CifarOptions::describe(Fields& f) {
  f.optional("grey", grey, "one value a pixel, its brightness; false: red, green and blue");
  f.optional("validation", validation, "images held out of the end of the training files",
             non_negative());
}

}  // namespace lw
