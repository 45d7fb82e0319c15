#include "server/api/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <vector>

#include "server/app.hpp"

namespace rtpx::server {
namespace {

/// Families of one sample each, read off the running parts at the moment of asking.
class Families {
 public:
  template <typename Number>
  void counter(const char* name, const char* help, Number value) {
    add(name, help, prometheus::MetricType::Counter).counter.value = static_cast<double>(value);
  }
  template <typename Number>
  void gauge(const char* name, const char* help, Number value) {
    add(name, help, prometheus::MetricType::Gauge).gauge.value = static_cast<double>(value);
  }
  /// One sample for each value of a label.
  template <typename Counts>
  void counters(const char* name, const char* help, const char* label, const Counts& counts) {
    families_.push_back({name, help, prometheus::MetricType::Counter, {}});
    for (const auto& [value, count] : counts) {
      prometheus::ClientMetric metric;
      metric.label = {{label, value}};
      metric.counter.value = static_cast<double>(count);
      families_.back().metric.push_back(std::move(metric));
    }
  }
  /// One sample for each set of labels.
  void gauges(const char* name, const char* help,
              const std::vector<std::pair<std::map<std::string, std::string>, double>>& samples) {
    families_.push_back({name, help, prometheus::MetricType::Gauge, {}});
    for (const auto& [labels, value] : samples) {
      prometheus::ClientMetric metric;
      for (const auto& [label, text] : labels) metric.label.push_back({label, text});
      metric.gauge.value = value;
      families_.back().metric.push_back(std::move(metric));
    }
  }
  [[nodiscard]] const std::vector<prometheus::MetricFamily>& all() const { return families_; }

 private:
  prometheus::ClientMetric& add(const char* name, const char* help, prometheus::MetricType type) {
    families_.push_back({name, help, type, {prometheus::ClientMetric{}}});
    return families_.back().metric.front();
  }
  std::vector<prometheus::MetricFamily> families_;
};

double seconds(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

/// One line for each stream of each publisher that is live now, told apart by recording, track and layer.
void add_live_figures(const App& app, Families& out) {
  using Labels = std::map<std::string, std::string>;
  std::vector<std::pair<Labels, double>> rtt, dropped;
  struct Figure {
    const char* name;
    const char* help;
    double (*value)(const StreamStats&);
  };
  static constexpr Figure kFigures[] = {
      {"rtpx_live_bits_per_second", "Bit rate of a stream over the last second",
       [](const StreamStats& s) { return static_cast<double>(s.bits_per_second); }},
      {"rtpx_live_packets", "Packets of a stream",
       [](const StreamStats& s) { return static_cast<double>(s.packets); }},
      {"rtpx_live_packets_lost", "Missing on first sight",
       [](const StreamStats& s) { return static_cast<double>(s.lost); }},
      {"rtpx_live_packets_unrepaired", "Of these, given up",
       [](const StreamStats& s) { return static_cast<double>(s.unrepaired); }},
      {"rtpx_live_nacks_unanswered", "Of these, asked for in vain",
       [](const StreamStats& s) { return static_cast<double>(s.nacks_unanswered); }},
      {"rtpx_live_jitter_seconds", "Interarrival jitter (RFC 3550)",
       [](const StreamStats& s) { return s.jitter_ms / 1000; }},
      {"rtpx_live_keyframe_distance_seconds", "Between the last two keyframes",
       [](const StreamStats& s) { return s.keyframe_distance_ms.value_or(0) / 1000; }}};
  std::array<std::vector<std::pair<Labels, double>>, std::size(kFigures)> samples;
  for (const LiveSession& session : app.live().sessions()) {
    if (!session.stats) continue;
    Labels recording = {{"recording", session.recording_id}};
    if (session.participant) recording["participant"] = session.participant->id;
    if (session.stats->rtt_ms) rtt.emplace_back(recording, *session.stats->rtt_ms / 1000);
    dropped.emplace_back(recording, static_cast<double>(session.stats->dropped.total()));
    for (const TrackStats& track : session.stats->tracks)
      for (const StreamStats& stream : track.streams) {
        Labels labels = recording;
        labels.insert({{"track", track.id}, {"rid", stream.rid}, {"ssrc", std::to_string(stream.ssrc)}});
        for (std::size_t i = 0; i < samples.size(); ++i)
          samples[i].emplace_back(labels, kFigures[i].value(stream));
      }
  }
  out.gauges("rtpx_live_rtt_seconds", "Round trip to a publisher", rtt);
  out.gauges("rtpx_live_dropped", "Datagrams of a publisher that reached no recorder", dropped);
  for (std::size_t i = 0; i < samples.size(); ++i) out.gauges(kFigures[i].name, kFigures[i].help, samples[i]);
}

}  // namespace

std::string render_metrics(const App& app) {
  Families out;
  const EndpointStats endpoint = app.live().endpoint();
  out.gauge("rtpx_sessions", "Sessions now", endpoint.sessions);
  out.gauge("rtpx_sessions_connected", "Sessions with DTLS up now", endpoint.connected_sessions);
  out.counter("rtpx_sessions_accepted_total", "Sessions accepted", endpoint.sessions_accepted);
  out.counter("rtpx_sessions_ended_total", "Sessions ended", endpoint.sessions_ended);
  out.counter("rtpx_datagrams_received_total", "UDP datagrams received", endpoint.datagrams);
  out.counter("rtpx_datagram_bytes_received_total", "Bytes of these", endpoint.bytes);
  const DropCounts dropped = app.live().dropped();
  out.counter("rtpx_socket_drops_total", "Datagrams that the kernel dropped", dropped[Drop::kernel]);
  out.counter("rtpx_unknown_source_total", "Datagrams from unknown addresses", dropped[Drop::unknown_source]);
  out.counter("rtpx_undecryptable_total", "SRTP packets that failed authentication",
              dropped[Drop::undecryptable]);
  std::map<std::string, std::uint64_t> by_reason;
  for (std::size_t i = 0; i < kDropReasons; ++i)
    by_reason[to_string(static_cast<Drop>(i))] = dropped[static_cast<Drop>(i)];
  out.counters("rtpx_dropped_total", "Datagrams that came and reached no recorder", "reason", by_reason);
  out.counter("rtpx_packets_lost_total", "RTP packets missing on first sight", endpoint.lost);
  out.counter("rtpx_packets_recovered_total", "Of these, came later or by RTX", endpoint.recovered);
  out.counter("rtpx_nacks_sent_total", "Sequence numbers asked for again", endpoint.nacks_sent);
  out.counter("rtpx_plis_sent_total", "Keyframes asked for", endpoint.plis_sent);

  const Live::Totals recorders = app.live().totals();
  std::size_t tracks = 0;
  for (const LiveSession& session : app.live().sessions()) tracks += session.recorder.tracks.size();
  out.gauge("rtpx_tracks", "Tracks being recorded", tracks);
  out.counter("rtpx_packets_recorded_total", "RTP packets accepted by recorders", recorders.packets);
  out.counter("rtpx_bytes_recorded_total", "Bytes of these", recorders.bytes);
  out.counter("rtpx_packets_refused_total", "RTP packets refused by recorders", recorders.refused);
  out.counters("rtpx_packets_refused_by_total", "Of these, by what the recorder said", "outcome",
               recorders.refused_by);
  out.gauge("rtpx_queue_bytes", "Accepted and not yet written", recorders.queued_bytes);
  out.gauge("rtpx_oldest_unwritten_seconds", "Age of the oldest packet that a crash of the process would cost",
            seconds(recorders.oldest_unwritten));
  out.gauge("rtpx_oldest_unsynced_seconds", "Age of the oldest packet that a power loss would cost",
            seconds(recorders.oldest_unsynced));
  out.gauge("rtpx_worst_flush_seconds", "Longest write since start", seconds(recorders.worst_flush));
  out.gauge("rtpx_worst_sync_seconds", "Longest sync since start", seconds(recorders.worst_sync));
  out.counter("rtpx_recordings_total", "Recordings ended", recorders.recordings);
  out.counter("rtpx_recordings_empty_total", "Sessions that never sent a packet", recorders.empty);

  const Conversions::Counts conversions = app.conversions().counts();
  out.gauge("rtpx_conversions_waiting", "Recordings that wait for conversion", conversions.waiting);
  out.gauge("rtpx_conversions_running", "Conversions under way", conversions.running);
  out.counter("rtpx_conversions_done_total", "Conversions done", conversions.done);
  out.counter("rtpx_conversions_failed_total", "Conversions failed", conversions.failed);
  out.counter("rtpx_conversions_cancelled_total", "Conversions cancelled", conversions.cancelled);

  out.gauge("rtpx_live_films", "Films that follow a recording now", app.live_films().under_way());

  const Uploads::Counts uploads = app.uploads().counts();
  out.gauge("rtpx_uploads_waiting", "Recordings that wait for their upload", uploads.waiting);
  out.gauge("rtpx_uploads_running", "Uploads under way", uploads.running);
  out.counter("rtpx_uploads_done_total", "Recordings uploaded", uploads.done);
  out.counter("rtpx_uploads_failed_total", "Uploads given up", uploads.failed);

  if (const FleetNode* fleet = app.fleet()) {
    const FleetNode::Counts counts = fleet->counts();
    std::vector<std::pair<std::map<std::string, std::string>, double>> jobs;
    for (const auto& [state, count] : counts.by_state) jobs.push_back({{{"state", state}}, static_cast<double>(count)});
    std::size_t workers = 0, nodes = 0;
    for (const fleet::Member& member : fleet->members()) ++(member.is_worker ? workers : nodes);
    out.gauge("rtpx_fleet_connected", "1 while NATS answers", counts.connected ? 1 : 0);
    out.gauge("rtpx_fleet_nodes", "Nodes with a heartbeat", nodes);
    out.gauge("rtpx_fleet_workers", "Workers with a heartbeat", workers);
    out.gauges("rtpx_fleet_jobs", "Jobs of the whole fleet by state; failed ones are dead letters", jobs);
    out.gauge("rtpx_fleet_oldest_waiting_seconds", "For how long the oldest job has waited",
              counts.oldest_waiting_seconds);
  }

  const WebhookQueue::Counts webhooks = app.webhooks().counts();
  const Hooks::Counts hooks = app.hooks().counts();
  out.gauge("rtpx_hooks_waiting", "Recordings for which --on-converted is still to be run", hooks.waiting);
  out.counter("rtpx_hooks_done_total", "Runs of --on-converted that succeeded", hooks.done);
  out.counter("rtpx_hooks_failed_total", "Runs of --on-converted that failed", hooks.failed);
  out.gauge("rtpx_webhooks_waiting", "Webhook events not yet acknowledged", webhooks.waiting);
  out.counter("rtpx_webhooks_delivered_total", "Webhook events acknowledged", webhooks.delivered);
  out.counter("rtpx_webhook_failures_total", "Webhook tries that failed", webhooks.failed_tries);

  out.gauge("rtpx_pulls", "Pulls from WHEP servers now",
            static_cast<std::size_t>(std::ranges::count_if(app.live().pulls(), [](const Pull& one) { return !one.ended; })));
  out.gauge("rtpx_ingests", "Ingests of plain RTP now", app.live().ingests().size());

  add_live_figures(app, out);

  std::error_code error;
  const auto space = std::filesystem::space(app.options().base_dir, error);
  if (!error) out.gauge("rtpx_disk_free_bytes", "Free space for recordings", space.available);
  return prometheus::TextSerializer().Serialize(out.all());
}

}  // namespace rtpx::server
