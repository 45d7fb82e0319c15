#include "timeline/report_chain.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rtpx::timeline {
namespace {

constexpr double kReportNoise = 20e6;     // ns; browsers' audio reports scatter by 4 to 8 ms
constexpr double kGreatestDrift = 3e-4;   // that reports may run apart by without a step
constexpr double kMostCorrected = 500e6;  // by which a report may differ from what arrivals say of a break
constexpr double kAbout = 3e9;            // of arrivals about a report
constexpr std::size_t kFewestALevel = 4;  // reports, on the average, where a clock is set again and again
constexpr std::size_t kLookBack = 64;
constexpr double kMostScatter = 20e6;   // from report to report, where arrivals are steady
constexpr double kSteadyArrivals = 30e6;
constexpr std::size_t kMostTried = 32;  // steps between two reports of which each is left out in turn

// What it costs to believe in a link between two reports, against leaving one out.
constexpr double kDropped = 1;
constexpr double kCorrected = 0.8;    // a break that arrivals show, of another length
constexpr double kSeen = 0.4;         // a step that arrivals show, but not where
constexpr double kUnexplained = 1.3;  // a step that nothing else shows
constexpr double kPicked = 0.3;       // some of the steps that arrivals show, but not all

struct Link {
  double cost = std::numeric_limits<double>::infinity();
  std::vector<std::size_t> steps;
  bool unexplained = false;
};

/// Which of the steps between two reports make up what the clock moved by.
class Explanation {
 public:
  Explanation(const ReportPoint& before, const ReportPoint& after, const Arrivals& arrivals)
      : arrivals_(arrivals), before_(before.x), after_(after.x), moved_(after.offset - before.offset) {
    for (std::size_t level = before.level + 1; level <= after.level; ++level) {
      between_.push_back(level);
      if (!arrivals.levels[level].network) sum_ += arrivals.moved(level);
    }
    noise_ =
        kReportNoise + kGreatestDrift * std::abs(after.x - before.x) + 3 * std::min(arrivals.scatter, 30e6);
  }

  [[nodiscard]] Link link() const {
    // Arrivals are believed where reports do not contradict them; else some of their steps may be the
    // network's.
    const bool tight = std::abs(moved_ - sum_) <= noise_;
    if (tight && (between_.empty() || std::abs(moved_ - sum_) <= std::abs(moved_))) return {0, by_arrivals()};
    if (std::abs(moved_) <= noise_) return {between_.empty() ? 0 : kPicked, {}};
    if (auto steps = best_pick(); !steps.empty()) return {kPicked, std::move(steps)};
    if (tight) return {0, by_arrivals()};
    const double most = std::max(kMostCorrected, 0.1 * std::abs(sum_));
    if (moved_ * sum_ > 0 && std::abs(moved_ - sum_) <= std::min(most, 0.8 * std::abs(sum_)))
      return {kCorrected, by_arrivals()};
    return {seen() ? kSeen : kUnexplained, {}, true};
  }

 private:
  [[nodiscard]] std::vector<std::size_t> by_arrivals() const {
    std::vector<std::size_t> steps;
    for (const std::size_t level : between_)
      if (!arrivals_.levels[level].network) steps.push_back(level);
    return steps;
  }

  /// One of them alone, or all but one, or all with those of the network.
  [[nodiscard]] std::vector<std::size_t> best_pick() const {
    double all = 0;
    for (const std::size_t level : between_) all += arrivals_.moved(level);
    double least = noise_;
    std::size_t picked = 0;
    bool alone = false, found = false;
    if (std::abs(moved_ - all) <= least) least = std::abs(moved_ - all), found = true;
    if (between_.size() <= kMostTried)
      for (const std::size_t level : between_) {
        const double one = arrivals_.moved(level);
        if (std::abs(moved_ - one) < least)
          least = std::abs(moved_ - one), picked = level, alone = found = true;
        if (std::abs(moved_ - all + one) < least)
          least = std::abs(moved_ - all + one), picked = level, alone = false, found = true;
      }
    if (!found) return {};
    if (alone) return {picked};
    std::vector<std::size_t> steps = between_;
    std::erase(steps, picked);
    return steps;
  }

  /// The earliest arrivals about the two reports differ as the reports do.
  [[nodiscard]] bool seen() const {
    const double before = earliest(arrivals_.seconds, before_ - kAbout, before_),
                 after = earliest(arrivals_.seconds, after_, after_ + kAbout);
    return std::abs(sum_) < noise_ &&
           std::abs(after - before - moved_) < std::clamp(std::abs(moved_) / 3, 15e6, 50e6);
  }

  const Arrivals& arrivals_;
  double before_, after_, moved_, sum_ = 0, noise_ = 0;
  std::vector<std::size_t> between_;
};

/// From report to report most differ by more than reports do, while packets went on steadily: those that agree do so by
/// chance.
bool scatter(const std::vector<ReportPoint>& reports, const Arrivals& arrivals) {
  if (arrivals.scatter > kSteadyArrivals) return false;
  std::vector<double> apart;
  for (std::size_t i = 1; i < reports.size(); ++i)
    if (reports[i].level == reports[i - 1].level) {
      const double drifted = kGreatestDrift * std::abs(reports[i].x - reports[i - 1].x);
      apart.push_back(std::abs(reports[i].offset - reports[i - 1].offset) - drifted);
    }
  if (apart.size() < 2 || apart.size() * 3 < reports.size()) return false;
  const auto middle = apart.begin() + static_cast<std::ptrdiff_t>(apart.size() / 2);
  std::ranges::nth_element(apart, middle);
  return *middle > kMostScatter;
}

}  // namespace

std::vector<ChainedReport> chain_reports(const std::vector<ReportPoint>& reports, const Arrivals& arrivals,
                                         std::size_t all) {
  struct Best {
    double cost = 0;
    std::size_t from = 0;  // index + 1; 0: the chain begins here
    Link link;
  };
  if (scatter(reports, arrivals)) return {};
  std::vector<Best> best(reports.size());
  for (std::size_t i = 0; i < reports.size(); ++i) {
    best[i].cost = kDropped * static_cast<double>(i);
    for (std::size_t j = i > kLookBack ? i - kLookBack : 0; j < i; ++j) {
      if (reports[j].level > reports[i].level) continue;
      const double dropped = best[j].cost + kDropped * static_cast<double>(i - j - 1);
      if (dropped >= best[i].cost) continue;
      Link link = Explanation(reports[j], reports[i], arrivals).link();
      if (dropped + link.cost >= best[i].cost) continue;
      best[i] = {dropped + link.cost, j + 1, std::move(link)};
    }
  }
  std::size_t last = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const double cost = best[i].cost + kDropped * static_cast<double>(reports.size() - 1 - i);
    if (cost < least) least = cost, last = i + 1;
  }
  std::vector<ChainedReport> chain;
  std::size_t agree = 0, unexplained = 0;
  for (std::size_t at = last; at != 0; at = best[at - 1].from) {
    chain.push_back({reports[at - 1], best[at - 1].link.steps, best[at - 1].link.unexplained});
    if (best[at - 1].from == 0) continue;
    if (!best[at - 1].link.unexplained) ++agree;
    if (best[at - 1].link.cost >= kUnexplained) ++unexplained;
  }
  std::ranges::reverse(chain);
  if (unexplained > 1 && unexplained * kFewestALevel > chain.size()) return {};
  if (chain.size() * 2 < all || (reports.size() > 1 && agree == 0)) return {};
  return chain;
}

}  // namespace rtpx::timeline
