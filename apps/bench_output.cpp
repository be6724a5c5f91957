#include "apps/bench_output.h"

#include <filesystem>

#include "autograd/ops/elementwise.h"

namespace lw {
namespace {

/// The path, free for a new file.
Path cleared(const std::string& path) {
  check(!std::filesystem::is_directory(path), path,
        ": error: this is a folder, expected the file to dump to");
  std::filesystem::remove(path);
  return path;
}

}  // namespace

void perturb(const Parameters& parameters) {
  const NoGrad no_grad;
  for (const Parameter& p : parameters) {
    const Random random = Random(3).fork(p.name);
    Tensor value = p.value.value();
    const Variable scale = random.fork("scale").normal(value.shape(), 1, 0.05),
                   shift = random.fork("shift").normal(value.shape(), 0, 0.01);
    value.copy_from((p.value * scale + shift).value());
  }
}

BenchDump::BenchDump(const std::string& path) : file_(cleared(path)) {}

void BenchDump::tensors(const std::string& group, const NamedTensors& tensors) {
  for (const NamedTensor& t : tensors) file_.tensor("/" + group + "/" + t.name, t.value);
}

void BenchDump::parameters(const Parameters& parameters) {
  for (const Parameter& p : parameters) {
    tensors("params", {{p.name, p.value.value()}});
    if (p.value.grad().defined()) tensors("gradients", {{p.name, p.value.grad()}});
  }
}

}  // namespace lw
