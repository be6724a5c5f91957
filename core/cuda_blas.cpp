// Matrix products by cuBLASLt.
#include "core/cuda_blas.h"

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <mutex>

#include "core/cuda_stream.h"

namespace lw::cuda {
namespace {

constexpr size_t workspace_bytes = 32 << 20;  // what NVIDIA advises for compute capability 9.0

void check_blas(cublasStatus_t status, std::string_view call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw Error(str("cuda: ", call, ": ", cublasLtGetStatusString(status)),
              status == CUBLAS_STATUS_ALLOC_FAILED ? ErrorKind::memory : ErrorKind::usage);
}

cudaDataType_t type_of(DType dtype) {
  return dtype == DType::f64 ? CUDA_R_64F : dtype == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// Bytes to which an address is aligned, at most 256.
int64_t alignment(const void* p) {
  return int64_t{1} << std::countr_zero(reinterpret_cast<uintptr_t>(p) | 256);
}

/// How the library computes products that differ in their addresses and factors alone.
struct Plan {
  cublasLtMatmulDescOpaque_t product;
  cublasLtMatrixLayoutOpaque_t a, b, c;
  cublasLtMatmulAlgo_t algorithm;
};

/// What a plan depends on.
std::array<int64_t, 20> key_of(const Gemm& g) {
  return {static_cast<int64_t>(g.operands),
          static_cast<int64_t>(g.result),
          g.m,
          g.n,
          g.k,
          g.batch,
          g.a.pitch,
          g.a.transposed,
          g.a.step,
          g.b.pitch,
          g.b.transposed,
          g.b.step,
          g.c_pitch,
          g.c_step,
          g.bias != nullptr,
          g.tf32,
          alignment(g.a.data),
          alignment(g.b.data),
          alignment(g.c),
          alignment(g.bias)};
}
using Key = decltype(key_of(Gemm()));

template <class T>
void set(cublasLtMatmulDescOpaque_t& product, cublasLtMatmulDescAttributes_t attribute, T value) {
  check_blas(cublasLtMatmulDescSetAttribute(&product, attribute, &value, sizeof value),
             "cublasLtMatmulDescSetAttribute");
}
template <class T>
void set(cublasLtMatrixLayoutOpaque_t& layout, cublasLtMatrixLayoutAttribute_t attribute, T value) {
  check_blas(cublasLtMatrixLayoutSetAttribute(&layout, attribute, &value, sizeof value),
             "cublasLtMatrixLayoutSetAttribute");
}
template <class T>
void set(cublasLtMatmulPreferenceOpaque_t& preference,
         cublasLtMatmulPreferenceAttributes_t attribute, T value) {
  check_blas(cublasLtMatmulPreferenceSetAttribute(&preference, attribute, &value, sizeof value),
             "cublasLtMatmulPreferenceSetAttribute");
}

cublasLtMatrixLayoutOpaque_t layout(DType dtype, int64_t rows, int64_t columns, int64_t pitch,
                                    int64_t batch, int64_t step) {
  cublasLtMatrixLayoutOpaque_t result;
  check_blas(cublasLtMatrixLayoutInit(&result, type_of(dtype), static_cast<uint64_t>(rows),
                                      static_cast<uint64_t>(columns), pitch),
             "cublasLtMatrixLayoutInit");
  set(result, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<int32_t>(batch));
  set(result, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, step);
  return result;
}

cublasLtMatrixLayoutOpaque_t layout(const Gemm& g, const GemmOperand& x, int64_t rows,
                                    int64_t columns) {
  if (x.transposed) std::swap(rows, columns);
  return layout(g.operands, rows, columns, x.pitch, g.batch, x.step);
}

/// cuBLASLt on one device. Never destroyed: the device may be gone first.
class Library {
 public:
  Library() {
    check_blas(cublasLtCreate(&handle_), "cublasLtCreate");
    LW_CUDA(cudaMalloc(&workspace_, workspace_bytes));
  }
  Library(const Library&) = delete;

  void multiply(const Gemm& g) {
    const std::lock_guard lock(mutex_);  // the plans and their pointer to the bias are shared
    auto found = plans_.find(key_of(g));
    if (found == plans_.end()) found = plans_.emplace(key_of(g), plan(g)).first;
    Plan& p = found->second;
    if (g.bias != nullptr) set(p.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, g.bias);
    const auto alpha = static_cast<float>(g.alpha), beta = static_cast<float>(g.beta);
    const bool f64 = g.operands == DType::f64;
    check_blas(cublasLtMatmul(handle_, &p.product,
                              f64 ? static_cast<const void*>(&g.alpha) : &alpha, g.a.data, &p.a,
                              g.b.data, &p.b, f64 ? static_cast<const void*>(&g.beta) : &beta, g.c,
                              &p.c, g.c, &p.c, &p.algorithm, workspace_, workspace_bytes, stream()),
               "cublasLtMatmul");
  }

 private:
  Plan plan(const Gemm& g) const {
    Plan p;
    const bool f64 = g.operands == DType::f64;
    const cublasComputeType_t compute = f64      ? CUBLAS_COMPUTE_64F
                                        : g.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                 : CUBLAS_COMPUTE_32F;
    check_blas(cublasLtMatmulDescInit(&p.product, compute, f64 ? CUDA_R_64F : CUDA_R_32F),
               "cublasLtMatmulDescInit");
    set(p.product, CUBLASLT_MATMUL_DESC_TRANSA, g.a.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(p.product, CUBLASLT_MATMUL_DESC_TRANSB, g.b.transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (g.bias != nullptr) {
      set(p.product, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
      set(p.product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, g.bias);
    }
    p.a = layout(g, g.a, g.m, g.k);
    p.b = layout(g, g.b, g.k, g.n);
    p.c = layout(g.result, g.m, g.n, g.c_pitch, g.batch, g.c_step);
    p.algorithm = algorithm(g, p);
    return p;
  }

  cublasLtMatmulAlgo_t algorithm(const Gemm& g, Plan& p) const {
    cublasLtMatmulPreferenceOpaque_t preference;
    check_blas(cublasLtMatmulPreferenceInit(&preference), "cublasLtMatmulPreferenceInit");
    set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, uint64_t{workspace_bytes});
    // A long sum is cut only if its parts are stored apart, in full precision, and added afterwards.
    set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        uint32_t{CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
    const auto align = [&](cublasLtMatmulPreferenceAttributes_t attribute, int64_t bytes) {
      set(preference, attribute, static_cast<uint32_t>(bytes));
    };
    align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(g.a.data));
    align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(g.b.data));
    align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(g.c));
    align(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, std::min(alignment(g.c), alignment(g.bias)));
    cublasLtMatmulHeuristicResult_t best = {};
    int found = 0;
    const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
        handle_, &p.product, &p.a, &p.b, &p.c, &p.c, &preference, 1, &best, &found);
    check(status == CUBLAS_STATUS_SUCCESS && found == 1, "cuda: cuBLASLt has no product of ",
          g.operands, " ", g.m, " x ", g.k, " and ", g.k, " x ", g.n, " with ", g.result,
          " results: ", cublasLtGetStatusString(status));
    return best.algo;
  }

  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;  // one serves all products, since they run one after the other
  std::mutex mutex_;
  std::map<Key, Plan> plans_;
};

Library& library() {
  static std::mutex mutex;
  static auto& libraries = *new std::map<int, Library>;
  int device = 0;
  LW_CUDA(cudaGetDevice(&device));
  const std::lock_guard lock(mutex);
  return libraries[device];
}

}  // namespace

void gemm(const Gemm& gemm) { library().multiply(gemm); }

}  // namespace lw::cuda
