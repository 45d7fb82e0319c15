#pragma once

#include <string>

namespace rtpx::server {

class App;

/// All metrics in the Prometheus text format; docs/operations.md says what each means.
[[nodiscard]] std::string render_metrics(const App& app);

}  // namespace rtpx::server
