// Sums over GPUs by NCCL, on a stream beside that of the computation.
#include <nccl.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <set>

#include "core/cuda_stream.h"
#include "core/device_sums.h"

namespace lw {
namespace {

void require(ncclResult_t result, const char* call) {
  if (result == ncclSuccess) return;
  throw Error(str(call, ": ", ncclGetErrorString(result)), ErrorKind::peer);
}

class NcclSums final : public DeviceSums {
 public:
  explicit NcclSums(Communicator& ranks) {
    ncclUniqueId id{};
    if (ranks.first()) require(ncclGetUniqueId(&id), "ncclGetUniqueId");
    const std::string bytes = ranks.broadcast(std::string(id.internal, sizeof id.internal));
    std::memcpy(id.internal, bytes.data(), sizeof id.internal);
    LW_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    LW_CUDA(cudaEventCreateWithFlags(&given_, cudaEventDisableTiming));
    LW_CUDA(cudaEventCreateWithFlags(&summed_, cudaEventDisableTiming));
    require(ncclCommInitRank(&comm_, ranks.size(), id, ranks.rank()), "ncclCommInitRank");
  }
  ~NcclSums() override {
    ncclCommAbort(comm_);  // does not wait for ranks that may be lost
    cudaEventDestroy(given_);
    cudaEventDestroy(summed_);
    cudaStreamDestroy(stream_);
  }

  void start(const Tensor& tensor) override {
    LW_CUDA(cudaEventRecord(given_, cuda::stream()));
    LW_CUDA(cudaStreamWaitEvent(stream_, given_));
    require(ncclAllReduce(tensor.raw(), tensor.raw(), static_cast<size_t>(tensor.numel()),
                          tensor.dtype() == DType::f32 ? ncclFloat32 : ncclFloat64, ncclSum, comm_,
                          stream_),
            "ncclAllReduce");
  }

  void wait() override {
    LW_CUDA(cudaEventRecord(summed_, stream_));
    LW_CUDA(cudaStreamWaitEvent(cuda::stream(), summed_));
  }

 private:
  ncclComm_t comm_ = nullptr;
  cudaStream_t stream_ = nullptr;
  cudaEvent_t given_ = nullptr, summed_ = nullptr;
};

/// Whether every rank computes on a GPU that no other rank computes on, as NCCL wants it.
bool each_has_its_own(Communicator& ranks) {
  char machine[256] = {};
  gethostname(machine, sizeof machine - 1);
  // 32 bits of a hash, which a double holds.
  const auto name = static_cast<double>(std::hash<std::string_view>()(machine) & 0xffffffffu);
  const double own[] = {name, static_cast<double>(default_device().index)};
  const std::vector<double> all = ranks.gather(own);
  std::set<std::pair<double, double>> distinct;
  for (size_t i = 0; i < all.size(); i += 2) distinct.emplace(all[i], all[i + 1]);
  return std::ssize(distinct) == ranks.size();
}

}  // namespace

std::string nccl_version() {
  int version = 0;
  require(ncclGetVersion(&version), "ncclGetVersion");
  return str(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

std::unique_ptr<DeviceSums> make_device_sums(Communicator& ranks) {
  if (!each_has_its_own(ranks)) return nullptr;
  return std::make_unique<NcclSums>(ranks);
}

}  // namespace lw
