#include "core/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <memory>

namespace lw {
namespace {

/// The pattern flag %L: "warning: ", its word coloured, or nothing for information.
class LevelFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    if (message.level < spdlog::level::warn) return;
    constexpr std::string_view word = "warning:";
    message.color_range_start = out.size();
    out.append(word.data(), word.data() + word.size());
    message.color_range_end = out.size();
    out.push_back(' ');
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<LevelFlag>();
  }
};

class Log {
 public:
  Log() : logger_("longwave", make_sink()) { set_prefix(""); }

  void set_prefix(const std::string& prefix) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<LevelFlag>('L').set_pattern(prefix + "%L%v");
    logger_.set_formatter(std::move(formatter));
  }

  spdlog::logger& operator*() { return logger_; }

 private:
  static spdlog::sink_ptr make_sink() {
    const char* no_color = std::getenv("NO_COLOR");
    const bool plain = no_color && *no_color;
    return std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
        plain ? spdlog::color_mode::never : spdlog::color_mode::automatic);
  }

  spdlog::logger logger_;
};

Log& log() {
  static Log log;
  return log;
}

int own_rank = 0;

}  // namespace

void set_log_rank(int rank, int world) {
  own_rank = rank;
  log().set_prefix(world > 1 && rank > 0 ? "[rank " + std::to_string(rank) + "] " : "");
}

void log_info(const std::string& text) {
  if (own_rank == 0) (*log()).log(spdlog::level::info, text);
}
void log_warning(const std::string& text) { (*log()).log(spdlog::level::warn, text); }

}  // namespace lw
