#include "core/digest.h"

#include <openssl/evp.h>
#include <xxhash.h>

#include <memory>
#include <span>
#include <vector>

#include "core/error.h"

namespace lw {
namespace {

constexpr int64_t block = int64_t{1} << 20;

std::string hex(std::span<const unsigned char> bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    ok(context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  }
  void update(const void* data, size_t bytes) { ok(EVP_DigestUpdate(context_.get(), data, bytes)); }
  std::string finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    ok(EVP_DigestFinal_ex(context_.get(), digest, &bytes));
    return hex({digest, bytes});
  }

 private:
  static void ok(bool condition) { check(condition, "SHA-256: libcrypto refuses to compute it"); }
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
};

std::string text_of(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return hex(canonical.digest);
}

/// Calls f(data, bytes) on consecutive pieces of a range of the file.
template <class F>
void for_blocks(const InputFile& file, int64_t offset, int64_t bytes, F&& f) {
  std::vector<char> buffer(static_cast<size_t>(std::min(bytes, block)));
  while (bytes > 0) {
    const int64_t size = std::min(bytes, block);
    file.read_at(offset, buffer.data(), size);
    f(buffer.data(), static_cast<size_t>(size));
    offset += size;
    bytes -= size;
  }
}

}  // namespace

std::string sha256(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes.data(), bytes.size());
  return digest.finish();
}

std::string sha256_of_file(const InputFile& file) {
  Sha256 digest;
  for_blocks(file, 0, file.bytes(),
             [&](const char* data, size_t size) { digest.update(data, size); });
  return digest.finish();
}

std::string xxh3(const void* data, int64_t bytes) {
  return text_of(XXH3_128bits(data, static_cast<size_t>(bytes)));
}

std::string xxh3(const Tensor& tensor) {
  const Tensor flat = tensor.to(Device{}).contiguous();
  return xxh3(flat.raw(), flat.bytes());
}

std::string xxh3_of_file(const InputFile& file, int64_t offset, int64_t bytes) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              &XXH3_freeState);
  check(state != nullptr && XXH3_128bits_reset(state.get()) == XXH_OK, "XXH3: no memory");
  for_blocks(file, offset, bytes,
             [&](const char* data, size_t size) { XXH3_128bits_update(state.get(), data, size); });
  return text_of(XXH3_128bits_digest(state.get()));
}

}  // namespace lw
