#include "metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <filesystem>
#include <vector>

#include "app.hpp"

namespace rtpx::server {
namespace {

/// Families of one sample each, read off the running parts at the moment of asking.
class Families {
 public:
  void counter(const char* name, const char* help, double value) {
    add(name, help, prometheus::MetricType::Counter, value);
  }
  void gauge(const char* name, const char* help, double value) {
    add(name, help, prometheus::MetricType::Gauge, value);
  }
  [[nodiscard]] const std::vector<prometheus::MetricFamily>& all() const { return families_; }

 private:
  void add(const char* name, const char* help, prometheus::MetricType type, double value) {
    prometheus::ClientMetric metric;
    if (type == prometheus::MetricType::Counter)
      metric.counter.value = value;
    else
      metric.gauge.value = value;
    families_.push_back({name, help, type, {metric}});
  }
  std::vector<prometheus::MetricFamily> families_;
};

double seconds(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

std::string render_metrics(const App& app) {
  Families out;
  const EndpointStats endpoint = app.live().endpoint();
  out.gauge("rtpx_sessions", "Sessions now", static_cast<double>(endpoint.sessions));
  out.gauge("rtpx_sessions_connected", "Sessions with DTLS up now",
            static_cast<double>(endpoint.connected_sessions));
  out.counter("rtpx_sessions_accepted_total", "Sessions accepted",
              static_cast<double>(endpoint.sessions_accepted));
  out.counter("rtpx_sessions_ended_total", "Sessions ended", static_cast<double>(endpoint.sessions_ended));
  out.counter("rtpx_datagrams_received_total", "UDP datagrams received",
              static_cast<double>(endpoint.datagrams));
  out.counter("rtpx_datagram_bytes_received_total", "Bytes of these", static_cast<double>(endpoint.bytes));
  out.counter("rtpx_socket_drops_total", "Datagrams that the kernel dropped",
              static_cast<double>(endpoint.socket_drops));
  out.counter("rtpx_unknown_source_total", "Datagrams from unknown addresses",
              static_cast<double>(endpoint.unknown_source));
  out.counter("rtpx_undecryptable_total", "SRTP packets that failed authentication",
              static_cast<double>(endpoint.undecryptable));
  out.counter("rtpx_packets_lost_total", "RTP packets missing on first sight",
              static_cast<double>(endpoint.lost));
  out.counter("rtpx_packets_recovered_total", "Of these, came later or by RTX",
              static_cast<double>(endpoint.recovered));
  out.counter("rtpx_nacks_sent_total", "Sequence numbers asked for again",
              static_cast<double>(endpoint.nacks_sent));
  out.counter("rtpx_plis_sent_total", "Keyframes asked for", static_cast<double>(endpoint.plis_sent));

  const Live::Totals recorders = app.live().totals();
  std::size_t tracks = 0;
  for (const LiveSession& session : app.live().sessions()) tracks += session.recorder.tracks.size();
  out.gauge("rtpx_tracks", "Tracks being recorded", static_cast<double>(tracks));
  out.counter("rtpx_packets_recorded_total", "RTP packets accepted by recorders",
              static_cast<double>(recorders.packets));
  out.counter("rtpx_bytes_recorded_total", "Bytes of these", static_cast<double>(recorders.bytes));
  out.counter("rtpx_packets_refused_total", "RTP packets refused by recorders",
              static_cast<double>(recorders.refused));
  out.gauge("rtpx_queue_bytes", "Accepted and not yet written", static_cast<double>(recorders.queued_bytes));
  out.gauge("rtpx_worst_flush_seconds", "Longest write since start", seconds(recorders.worst_flush));
  out.gauge("rtpx_worst_sync_seconds", "Longest sync since start", seconds(recorders.worst_sync));
  out.counter("rtpx_recordings_total", "Recordings ended", static_cast<double>(recorders.recordings));
  out.counter("rtpx_recordings_empty_total", "Sessions that never sent a packet",
              static_cast<double>(recorders.empty));

  const Conversions::Counts conversions = app.conversions().counts();
  out.gauge("rtpx_conversions_waiting", "Recordings that wait for conversion",
            static_cast<double>(conversions.waiting));
  out.gauge("rtpx_conversions_running", "Conversions under way", static_cast<double>(conversions.running));
  out.counter("rtpx_conversions_done_total", "Conversions done", static_cast<double>(conversions.done));
  out.counter("rtpx_conversions_failed_total", "Conversions failed", static_cast<double>(conversions.failed));
  out.counter("rtpx_conversions_cancelled_total", "Conversions cancelled",
              static_cast<double>(conversions.cancelled));

  const Webhooks::Counts webhooks = app.webhooks().counts();
  out.gauge("rtpx_webhooks_waiting", "Webhook events not yet acknowledged",
            static_cast<double>(webhooks.waiting));
  out.counter("rtpx_webhooks_delivered_total", "Webhook events acknowledged",
              static_cast<double>(webhooks.delivered));
  out.counter("rtpx_webhook_failures_total", "Webhook tries that failed",
              static_cast<double>(webhooks.failed_tries));

  std::error_code error;
  const auto space = std::filesystem::space(app.options().base_dir, error);
  if (!error)
    out.gauge("rtpx_disk_free_bytes", "Free space for recordings", static_cast<double>(space.available));
  return prometheus::TextSerializer().Serialize(out.all());
}

}  // namespace rtpx::server
