// longwave doctor: what this machine and this build have, what is wrong with it and what helps.
#include <H5public.h>
#include <curl/curl.h>
#include <hwy/highway.h>
#include <openssl/crypto.h>
#include <sched.h>
#include <spdlog/version.h>
#include <xxhash.h>
#include <zlib.h>
#include <CLI/Version.hpp>

#include <Eigen/Core>
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <oneapi/dnnl/dnnl.hpp>
#include <sstream>

#include "apps/commands.h"
#include "apps/output.h"
#include "core/communicator.h"
#include "core/cuda_build.h"
#include "core/device_runtime.h"
#include "core/device_sums.h"
#include "core/files.h"
#include "core/parallel.h"
#include "data/fetch.h"

namespace lw {
namespace {

constexpr int64_t gibibyte = int64_t{1} << 30;

/// A thing that was looked at.
struct Finding {
  std::string name, value;
  std::string remedy = {};  ///< empty: nothing is wrong

  bool ok() const { return remedy.empty(); }
};
using Findings = std::vector<Finding>;

/// What follows `key` and a colon in the first line of a file of the system that starts with it.
std::string system_line(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (!line.starts_with(key) || colon == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

/// Cores that this process may run on.
int usable_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

/// Cores' worth of time that a container grants, or 0 without such a limit.
double granted_cores() {
  std::ifstream in("/sys/fs/cgroup/cpu.max");
  double quota = 0, period = 0;
  return in >> quota >> period && period > 0 ? quota / period : 0;
}

Finding gpu_finding() {
  const Device gpu{DeviceKind::cuda};
  const std::string missing = why_missing(gpu);
  if (!missing.empty()) return {"device.cuda", missing};
  std::string names;
  for (int i = 0; i < device_count(gpu.kind); ++i)
    names += str(i == 0 ? "" : "; ", runtime_of(gpu).description(i));
  return {"device.cuda", names};
}

Findings cpu_findings() {
  const std::string flags = str(" ", system_line("/proc/cpuinfo", "flags"), " ");
  const auto has = [&](const char* flag) {
    return flags.find(str(" ", flag, " ")) != std::string::npos;
  };
  const std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
  std::string simd;
  for (const int64_t target : targets)
    simd += str(simd.empty() ? "" : ", ", hwy::TargetName(target),
                target == targets.front() ? " (used)" : "");
  const bool vectors = (targets.front() & ~(HWY_SSE4 | HWY_SSSE3 | HWY_EMU128 | HWY_SCALAR)) != 0;
  const std::string bf16 = has("amx_bf16")      ? "AMX"
                           : has("avx512_bf16") ? "AVX-512 BF16"
                                                : "emulated: precision=bf16 saves no time";
  const std::string model = system_line("/proc/cpuinfo", "model name");
  return {
      {"device.cpu", model.empty() ? "unknown model" : model},
      {"cpu.cores", std::to_string(usable_cores())},
      {"cpu.simd", simd,
       vectors ? "" : "without AVX2 the kernels are several times slower; use a newer processor"},
      {"cpu.bf16", bf16},
      gpu_finding(),
      {"cuda.architectures", cuda_architectures()}};
}

Finding threads_finding() {
  const int threads = num_threads(), cores = usable_cores();
  const double granted = granted_cores();
  const char* variable = std::getenv("OMP_NUM_THREADS");
  Finding finding{"threads", std::to_string(threads)};
  if (variable != nullptr) finding.value += str(" (OMP_NUM_THREADS=", variable, ")");
  if (threads > cores)
    finding.remedy = str("there are only ", cores, " cores: set OMP_NUM_THREADS=", cores);
  else if (granted > 0 && threads > granted + 0.5)
    finding.remedy = str("this container is granted the time of ", granted,
                         " cores: set OMP_NUM_THREADS=", std::max(1, static_cast<int>(granted)));
  return finding;
}

Finding memory_finding() {
  const auto kibibytes = [](const char* key) {
    return std::atoll(system_line("/proc/meminfo", key).c_str());
  };
  const int64_t available = kibibytes("MemAvailable") * 1024;
  return {"memory",
          text_of_bytes(available) + " of " + text_of_bytes(kibibytes("MemTotal") * 1024) + " free",
          available < gibibyte ? "less than 1 GiB: end other programs, or lower train.batch" : ""};
}

Finding disk_finding() {
  const int64_t bytes = free_bytes(".");
  return {
      "disk", text_of_bytes(bytes) + " free here",
      bytes < gibibyte ? "less than 1 GiB: checkpoints may not fit; use --run-dir elsewhere" : ""};
}

Findings data_findings() {
  const char* data = std::getenv("LONGWAVE_DATA");
  if (data == nullptr || *data == '\0')
    return {{"data", "LONGWAVE_DATA is not set; a config gives its data.root"}};
  if (!std::filesystem::is_directory(data))
    return {{"data", data, "there is no such folder: make it, or set LONGWAVE_DATA to another"}};
  Findings findings{{"data", data}};
  for (const PinnedDataset& dataset : pinned_datasets()) {
    const Path folder = Path(data) / dataset.name;
    findings.push_back({"data." + dataset.name,
                        std::filesystem::is_directory(folder)
                            ? folder.string()
                            : str("not there; `longwave data fetch ", dataset.name, "` gets it")});
  }
  return findings;
}

std::string onednn_instructions() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2 VNNI";
    case dnnl::cpu_isa::avx512_core:
      return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX-512 VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX-512 BF16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AMX";
    default:
      return "other instructions";
  }
}

Findings library_findings() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  const dnnl_version_t& dnnl = *dnnl_version();
  const unsigned xxh = XXH_versionNumber();
  return {
      {"library.hdf5", str(major, ".", minor, ".", release)},
      {"library.onednn",
       str(dnnl.major, ".", dnnl.minor, ".", dnnl.patch, ", ", onednn_instructions())},
      {"library.highway", str(HWY_MAJOR, ".", HWY_MINOR, ".", HWY_PATCH)},
      {"library.eigen",
       str(EIGEN_WORLD_VERSION, ".", EIGEN_MAJOR_VERSION, ".", EIGEN_MINOR_VERSION)},
      {"library.yaml-cpp", LW_YAML_CPP_VERSION},
      {"library.nlohmann-json", str(NLOHMANN_JSON_VERSION_MAJOR, ".", NLOHMANN_JSON_VERSION_MINOR,
                                    ".", NLOHMANN_JSON_VERSION_PATCH)},
      {"library.cli11", CLI11_VERSION},
      {"library.spdlog", str(SPDLOG_VER_MAJOR, ".", SPDLOG_VER_MINOR, ".", SPDLOG_VER_PATCH)},
      {"library.mpi", mpi_version()},
      {"library.cublas", cublas_version()},
      {"library.nccl", nccl_version()},
      {"library.zlib", zlibVersion()},
      {"library.openssl", OpenSSL_version(OPENSSL_VERSION)},
      {"library.curl", curl_version_info(CURLVERSION_NOW)->version},
      {"library.xxhash", str(xxh / 10000, ".", xxh / 100 % 100, ".", xxh % 100)},
  };
}

}  // namespace

int doctor_command(bool json) {
  Findings findings = cpu_findings();
  findings.push_back(threads_finding());
  findings.push_back(memory_finding());
  findings.push_back(disk_finding());
  for (const Findings& more : {data_findings(), library_findings()})
    findings.insert(findings.end(), more.begin(), more.end());

  size_t warnings = 0;
  for (const Finding& finding : findings) {
    warnings += finding.ok() ? 0 : 1;
    if (json) {
      nlohmann::ordered_json line{
          {"name", finding.name}, {"value", finding.value}, {"ok", finding.ok()}};
      if (!finding.ok()) line["remedy"] = finding.remedy;
      print_json(line);
    } else {
      std::printf("%-22s %s\n", finding.name.c_str(), finding.value.c_str());
      if (!finding.ok()) std::printf("%-22s warning: %s\n", "", finding.remedy.c_str());
    }
  }
  if (!json)
    std::printf("\n%s\n", warnings == 0 ? "nothing is wrong" : str(warnings, " warnings").c_str());
  return 0;
}

}  // namespace lw
