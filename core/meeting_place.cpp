#include "core/meeting_place.h"

#include <charconv>
#include <cstdlib>

#include "core/digest.h"

namespace lw {
namespace {

constexpr int beside_store = 1000, store_candidates = 8, highest_port = 65535;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

MeetingPlace meeting_place(const RankEnvironment& ranks) {
  MeetingPlace place{variable("MASTER_ADDR"), {}, ""};
  const std::string text = variable("MASTER_PORT");
  check(!place.address.empty() && !text.empty(), ranks.source, " started ", ranks.size,
        " ranks, and ", place.address.empty() ? "MASTER_ADDR" : "MASTER_PORT",
        " is not set\n  set MASTER_ADDR to the machine of rank 0 and MASTER_PORT to a free port of "
        "it");
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  check(
      error == std::errc() && end == text.data() + text.size() && port > 0 && port <= highest_port,
      "MASTER_PORT: expected a port from 1 to ", highest_port, ", received `", text, "`");
  place.ports = {port};
  if (variable("TORCHELASTIC_USE_AGENT_STORE") == "True") {
    const int last = beside_store + store_candidates - 1;
    const int first = port + last <= highest_port ? port + beside_store : port - beside_store;
    place.ports.resize(store_candidates);
    for (int i = 0; i < store_candidates; ++i) place.ports[static_cast<size_t>(i)] = first + i;
  }
  const std::string identity = str(variable("TORCHELASTIC_RUN_ID"), '\n',
                                   variable("TORCHELASTIC_RESTART_COUNT"), '\n', port);
  place.job = xxh3(identity.data(), std::ssize(identity));
  return place;
}

}  // namespace lw
