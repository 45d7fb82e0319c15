// A layout of one's own: whatever is taken puts every tile inside of the canvas, none over another unless it
// says so.
#include <string_view>

#include "compose/plan.hpp"
#include "require.hpp"

using namespace rtpx;
using namespace rtpx::film;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto layout = parse_layout({reinterpret_cast<const char*>(data), size}, "layout");
  if (!layout) return 0;
  Call call;
  call.duration_ns = 4'000'000'000;
  for (int i = 0; i < 30; ++i) {
    const Span there{i % 3 * 1'000'000'000, call.duration_ns};
    const std::string name = i == 0 ? "Host" : "P" + std::to_string(i);
    call.participants.push_back({name, name, there, {{"camera", false, {there}}}, true, {}, {}});
  }
  call.participants[1].pictures.push_back({"screen", true, {{2'000'000'000, 3'000'000'000}}});
  const Plan plan = plan_scenes(call, *layout, 640, 360);
  require(!plan.scenes.empty());
  for (const Scene& scene : plan.scenes)
    for (std::size_t i = 0; i < scene.tiles.size(); ++i) {
      const Tile& a = scene.tiles[i];
      require(a.x >= 0 && a.y >= 0 && a.width >= 2 && a.height >= 2 && a.x + a.width <= 640 &&
              a.y + a.height <= 360);
      require(a.x % 2 == 0 && a.y % 2 == 0 && a.width % 2 == 0 && a.height % 2 == 0);
    }
  require(!serialize_plan(plan, call, *layout).empty());
  return 0;
}
