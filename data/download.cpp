#include "data/download.h"

#include <curl/curl.h>

#include <exception>
#include <memory>

#include "core/error.h"

namespace lw {
namespace {

/// What the callbacks share. No exception may pass through libcurl.
struct Transfer {
  std::string& content;
  int64_t limit;
  const std::function<void()>& poll;
  bool too_large = false;
  std::exception_ptr thrown = nullptr;
};

size_t on_data(char* data, size_t size, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const size_t bytes = size * count;
  transfer.too_large = static_cast<int64_t>(transfer.content.size() + bytes) > transfer.limit;
  if (transfer.too_large) return 0;  // fewer than given: libcurl ends the transfer
  transfer.content.append(data, bytes);
  return bytes;
}

int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  try {
    transfer.poll();
  } catch (...) {
    transfer.thrown = std::current_exception();
  }
  return transfer.thrown ? 1 : 0;
}

/// The result of one request; `content` is asked to be continued.
CURLcode request(CURL* curl, const std::string& url, const DownloadLimits& limits,
                 Transfer& transfer) {
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, limits.protocols.c_str());
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, limits.protocols.c_str());
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);  // 404 is an error, not content
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "longwave");
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(limits.stall_seconds));
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits.stall_seconds));
  curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE,
                   static_cast<curl_off_t>(transfer.content.size()));
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_data);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  return curl_easy_perform(curl);
}

}  // namespace

std::string download(const std::string& url, const DownloadLimits& limits,
                     const std::function<void()>& poll, std::string& content) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), &curl_easy_cleanup);
  check(ready == CURLE_OK && curl != nullptr, "libcurl cannot be initialised");
  char reason[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, reason);

  Transfer transfer{.content = content, .limit = limits.bytes, .poll = poll};
  CURLcode code = request(curl.get(), url, limits, transfer);
  const bool cannot_continue = code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME;
  if (cannot_continue && !content.empty()) {
    content.clear();
    code = request(curl.get(), url, limits, transfer);
  }
  if (transfer.thrown) std::rethrow_exception(transfer.thrown);
  if (transfer.too_large) return str("more than the ", limits.bytes, " bytes that it may have");
  if (code == CURLE_OK) return "";
  return *reason != '\0' ? reason : curl_easy_strerror(code);
}

}  // namespace lw
