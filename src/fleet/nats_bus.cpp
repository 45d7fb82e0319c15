#include "fleet/nats_bus.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/utc_time.hpp"
#include "fleet/job_json.hpp"
#include "fleet/nats_objects.hpp"

namespace rtpx::fleet {
namespace {

constexpr const char* kExpectedRevision = "Nats-Expected-Last-Subject-Sequence";
constexpr std::int64_t kFetchWait = 1'000;
constexpr std::int64_t kShortWait = 100;  // for what is given back, or not acknowledged in time
constexpr std::uint64_t kMostRules = 86'400'000;

std::string subject_in(const char* bucket, const std::string& key) {
  return std::string("$KV.") + bucket + "." + key;
}

std::string_view text_of(natsMsg* message) {
  return {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
}

Milliseconds age_of(std::int64_t created_ns) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Milliseconds>(now - std::chrono::nanoseconds(created_ns));
}

class NatsDelivery final : public Delivery {
 public:
  explicit NatsDelivery(natsMsg* message) : message_(message), job_(parse_job(text_of(message))) {}
  [[nodiscard]] const std::optional<Job>& job() const override { return job_; }
  void acknowledge() override { (void)natsMsg_AckSync(message_.get(), nullptr, nullptr); }
  void deliver_again(Milliseconds delay) override {
    (void)natsMsg_NakWithDelay(message_.get(), std::max<std::int64_t>(delay.count(), 1), nullptr);
  }
  void in_progress() override { (void)natsMsg_InProgress(message_.get(), nullptr); }

 private:
  NatsMessage message_;
  std::optional<Job> job_;
};

class NatsDeliveries final : public Deliveries {
 public:
  NatsDeliveries(std::shared_ptr<NatsConnection> connection, const std::vector<JobClass>& classes)
      : connection_(std::move(connection)) {
    for (const JobClass one : classes) sources_.push_back({one, nullptr});
  }

  std::unique_ptr<Delivery> next() override {
    for (Source& source : sources_)
      if (const std::int64_t wait = wait_for(source); wait > 0)
        if (auto got = fetch(source, wait)) return got;
    return sources_.empty() ? nullptr : fetch(sources_.front(), kFetchWait);
  }

 private:
  struct Source {
    JobClass priority;
    NatsSubscription subscription;
  };

  /// How long a class of which a message may be there is asked for one; 0: there is none. The server has to be asked first, since
  /// it holds each request until that expires, also one that is not to wait.
  std::int64_t wait_for(const Source& source) {
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = kFetchWait;
    jsConsumerInfo* made = nullptr;
    if (js_GetConsumerInfo(&made, connection_->stream, kJobsStream, to_string(source.priority), &options, nullptr) != NATS_OK)
      return kShortWait;
    const NatsConsumerInfo info(made);
    return info->NumPending > 0 ? kFetchWait : info->NumAckPending > 0 ? kShortWait : 0;
  }

  /// Whatever it answers but a message is "nothing yet".
  std::unique_ptr<Delivery> fetch(Source& source, std::int64_t wait) {
    if (!source.subscription && !bind(source)) {
      nats_Sleep(wait);
      return nullptr;
    }
    jsFetchRequest request;
    jsFetchRequest_Init(&request);
    request.Batch = 1;
    request.Expires = wait * 1'000'000;
    natsMsgList list{};
    const natsStatus status = natsSubscription_FetchRequest(&list, source.subscription.get(), &request);
    std::unique_ptr<Delivery> out;
    if (list.Count > 0) {
      out = std::make_unique<NatsDelivery>(list.Msgs[0]);
      list.Msgs[0] = nullptr;
    }
    natsMsgList_Destroy(&list);
    // Bound anew: the consumer may have been made again by somebody since.
    if (status == NATS_INVALID_SUBSCRIPTION || status == NATS_CONNECTION_CLOSED) source.subscription.reset();
    return out;
  }

  bool bind(Source& source) {
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.Stream = kJobsStream;
    options.Consumer = to_string(source.priority);
    options.ManualAck = true;
    natsSubscription* made = nullptr;
    if (js_PullSubscribe(&made, connection_->stream, "", nullptr, nullptr, &options, nullptr) != NATS_OK)
      return false;
    source.subscription.reset(made);
    return true;
  }

  std::shared_ptr<NatsConnection> connection_;
  std::vector<Source> sources_;
};

class NatsBus final : public Bus {
 public:
  explicit NatsBus(const NatsOptions& options)
      : options_(options), connection_(std::make_shared<NatsConnection>()) {}
  Result<void> connect() { return open(*connection_, options_); }

  Result<std::optional<Stored>> read(const std::string& key) override {
    const auto got = last(kStateBucket, key);
    if (!got) return std::unexpected(got.error());
    if (!got->message || got->deleted) return std::nullopt;
    auto record = parse_record(text_of(got->message.get()));
    if (!record) return fail(Errc::malformed, "NATS: what is kept under " + key + " is no record of a job.");
    return Stored{*std::move(record), natsMsg_GetSequence(got->message.get()),
                  age_of(natsMsg_GetTime(got->message.get()))};
  }

  std::pair<Wrote, std::uint64_t> write(const JobRecord& record, std::uint64_t expected) override {
    JobRecord now = record;
    now.changed_ms = std::chrono::duration_cast<Milliseconds>(utc_now().time_since_epoch()).count();
    const std::string key = key_of(record.job), text = serialize_record(now);
    auto done = put(kStateBucket, key, text, expected);
    if (done.first != Wrote::refused || expected != 0) return done;
    // A key that was forgotten has a revision still.
    const auto there = last(kStateBucket, key);
    if (!there || !there->message || !there->deleted) return done;
    return put(kStateBucket, key, text, natsMsg_GetSequence(there->message.get()));
  }

  Result<void> forget(const std::string& key) override {
    natsMsg* made = nullptr;
    const std::string subject = subject_in(kStateBucket, key);
    if (natsMsg_Create(&made, subject.c_str(), nullptr, nullptr, 0) != NATS_OK)
      return fail(Errc::internal, "NATS: no memory.");
    const NatsMessage message(made);
    (void)natsMsgHeader_Set(made, "KV-Operation", "PURGE");
    (void)natsMsgHeader_Set(made, "Nats-Rollup", "sub");
    const natsStatus status = js_PublishMsg(nullptr, connection_->stream, made, nullptr, nullptr);
    if (status != NATS_OK) return std::unexpected(nats_error(status, "forget " + key));
    return {};
  }

  Result<std::uint64_t> count_messages(const Job& job) override {
    jsOptions options;
    jsOptions_Init(&options);
    const std::string subject = subject_of(job);
    options.Stream.Info.SubjectsFilter = subject.c_str();
    jsStreamInfo* made = nullptr;
    jsErrCode error{};
    const natsStatus status = js_GetStreamInfo(&made, connection_->stream, kJobsStream, &options, &error);
    if (status != NATS_OK) return std::unexpected(nats_error(status, "count jobs", error));
    const NatsStreamInfo info(made);
    std::uint64_t count = 0;
    if (info->State.Subjects != nullptr)
      for (int i = 0; i < info->State.Subjects->Count; ++i) count += info->State.Subjects->List[i].Msgs;
    return count;
  }

  Result<void> publish(const Job& job) override {
    const std::string subject = subject_of(job), text = serialize_job(job), id = message_id_of(job);
    jsPubOptions options;
    jsPubOptions_Init(&options);
    options.MsgId = id.c_str();
    jsErrCode error{};
    const natsStatus status = js_Publish(nullptr, connection_->stream, subject.c_str(), text.data(),
                                         static_cast<int>(text.size()), &options, &error);
    if (status != NATS_OK) return std::unexpected(nats_error(status, "publish a job", error));
    return {};
  }

  std::unique_ptr<Deliveries> deliveries(const std::vector<JobClass>& classes) override {
    return std::make_unique<NatsDeliveries>(connection_, classes);
  }

  Result<std::map<std::string, Stored>> records() override {
    std::map<std::string, Stored> out;
    std::optional<Error> error;
    std::stop_source enough;
    watch_bucket(
        kStateBucket, enough.get_token(), false,
        [&](const std::string& key, kvEntry* entry) {
          if (auto stored = stored_in(entry)) out[key] = *std::move(stored);
        },
        [&] { enough.request_stop(); }, &error);
    if (error) return std::unexpected(*error);
    return out;
  }

  void watch(std::stop_token stop,
             const std::function<void(const std::string&, const std::optional<Stored>&)>& on_record,
             const std::function<void(const std::set<std::string>&)>& on_synced) override {
    while (!stop.stop_requested()) {
      std::optional<Error> error;
      std::set<std::string> keys;
      watch_bucket(
          kStateBucket, stop, true,
          [&](const std::string& key, kvEntry* entry) {
            if (!key.starts_with("job.")) return;
            if (kvEntry_Operation(entry) != kvOp_Put) {
              on_record(key, std::nullopt);
            } else if (const auto stored = stored_in(entry)) {
              keys.insert(key);
              on_record(key, stored);
            }
          },
          [&] { on_synced(keys); }, &error);
      for (int i = 0; i < 20 && !stop.stop_requested(); ++i) nats_Sleep(100);
    }
  }

  Result<std::uint64_t> tell_alive(const Member& member) override {
    const auto done = put(kMembersBucket, (member.is_worker ? "worker." : "node.") + member.name,
                          serialize_member(member), std::nullopt);
    if (done.first != Wrote::yes)
      return fail(Errc::network, "NATS: cannot say that " + member.name + " is alive.");
    return done.second;
  }

  Result<std::vector<Member>> members() override {
    std::vector<Member> out;
    std::optional<Error> error;
    std::stop_source enough;
    watch_bucket(
        kMembersBucket, enough.get_token(), false,
        [&](const std::string&, kvEntry* entry) {
          auto member = parse_member({static_cast<const char*>(kvEntry_Value(entry)),
                                      static_cast<std::size_t>(kvEntry_ValueLen(entry))});
          if (!member) return;
          member->revision = kvEntry_Revision(entry);
          member->stamped_ns = kvEntry_Created(entry);
          out.push_back(*std::move(member));
        },
        [&] { enough.request_stop(); }, &error);
    if (error) return std::unexpected(*error);
    return out;
  }

  Result<bool> is_to_drain(const std::string& member) override {
    const auto got = last(kStateBucket, "drain." + member);
    if (!got) return std::unexpected(got.error());
    return got->message != nullptr && !got->deleted;
  }

  Result<void> set_drain(const std::string& member, bool drain) override {
    if (!drain) return forget("drain." + member);
    const auto done = put(kStateBucket, "drain." + member, "1", std::nullopt);
    if (done.first != Wrote::yes) return fail(Errc::network, "NATS: cannot ask " + member + " to drain.");
    return {};
  }

  Result<Rules> rules() override {
    const auto got = last(kStateBucket, kSettingsKey);
    if (!got) return std::unexpected(got.error());
    if (!got->message)
      return fail(Errc::not_found, "NATS: the fleet has no settings. Run `rtpx fleet init`.");
    const auto value = parse_json(text_of(got->message.get()), "the fleet's settings");
    if (!value || !value->is_object())
      return fail(Errc::malformed, "NATS: the fleet's settings are not readable.");
    const auto lease = number_in(*value, "lease_ms", kMostRules),
               attempts = number_in(*value, "max_attempts", 1000);
    const auto retry = number_in(*value, "retry_delay_ms", kMostRules);
    if (!lease || *lease < 1'000 || !attempts || *attempts == 0 || !retry)
      return fail(Errc::malformed, "NATS: the fleet's settings are not readable.");
    return Rules{Milliseconds(*lease), static_cast<unsigned>(*attempts), Milliseconds(*retry)};
  }

  Result<std::map<JobClass, Backlog>> backlog() override {
    std::map<JobClass, Backlog> out;
    for (const JobClass one : kJobClasses) {
      jsConsumerInfo* made = nullptr;
      jsErrCode error{};
      const natsStatus status =
          js_GetConsumerInfo(&made, connection_->stream, kJobsStream, to_string(one), nullptr, &error);
      if (status != NATS_OK) return std::unexpected(nats_error(status, "read the backlog", error));
      const NatsConsumerInfo info(made);
      out[one] = {info->NumPending,
                  static_cast<std::uint64_t>(std::max<std::int64_t>(info->NumAckPending, 0))};
    }
    return out;
  }

  bool connected() const override {
    return natsConnection_Status(connection_->connection) == NATS_CONN_STATUS_CONNECTED;
  }
  bool closed() const override { return natsConnection_IsClosed(connection_->connection); }

 private:
  struct Last {
    NatsMessage message;  // null: there never was any
    bool deleted = false;
  };

  Result<Last> last(const char* bucket, const std::string& key) {
    const std::string stream = std::string("KV_") + bucket, subject = subject_in(bucket, key);
    jsDirectGetMsgOptions options;
    jsDirectGetMsgOptions_Init(&options);
    options.LastBySubject = subject.c_str();
    natsMsg* made = nullptr;
    const natsStatus status = js_DirectGetMsg(&made, connection_->stream, stream.c_str(), nullptr, &options);
    if (status == NATS_NOT_FOUND) return Last{};
    if (status != NATS_OK) return std::unexpected(nats_error(status, "read " + key));
    const char* operation = nullptr;
    const bool deleted = natsMsgHeader_Get(made, "KV-Operation", &operation) == NATS_OK &&
                         operation != nullptr && std::string_view(operation) != "PUT";
    return Last{NatsMessage(made), deleted};
  }

  /// `expected` nullopt: whatever is there.
  std::pair<Wrote, std::uint64_t> put(const char* bucket, const std::string& key, const std::string& text,
                                      std::optional<std::uint64_t> expected) {
    natsMsg* made = nullptr;
    const std::string subject = subject_in(bucket, key);
    if (natsMsg_Create(&made, subject.c_str(), nullptr, text.data(), static_cast<int>(text.size())) !=
        NATS_OK)
      return {Wrote::unknown, 0};
    const NatsMessage message(made);
    if (expected && natsMsgHeader_Set(made, kExpectedRevision, std::to_string(*expected).c_str()) != NATS_OK)
      return {Wrote::unknown, 0};
    jsPubAck* acknowledged = nullptr;
    jsErrCode error{};
    const natsStatus status = js_PublishMsg(&acknowledged, connection_->stream, made, nullptr, &error);
    const NatsPublished published(acknowledged);
    if (status == NATS_OK) return {Wrote::yes, published->Sequence};
    return {error == JSStreamWrongLastSequenceErr ? Wrote::refused : Wrote::unknown, 0};
  }

  static std::optional<Stored> stored_in(kvEntry* entry) {
    if (kvEntry_Operation(entry) != kvOp_Put) return std::nullopt;
    auto record = parse_record(
        {static_cast<const char*>(kvEntry_Value(entry)), static_cast<std::size_t>(kvEntry_ValueLen(entry))});
    if (!record) return std::nullopt;
    return Stored{*std::move(record), kvEntry_Revision(entry), age_of(kvEntry_Created(entry))};
  }

  void watch_bucket(const char* bucket, const std::stop_token& stop, bool for_ever,
                    const std::function<void(const std::string&, kvEntry*)>& on_entry,
                    const std::function<void()>& on_synced, std::optional<Error>* error) {
    kvStore* opened = nullptr;
    natsStatus status = js_KeyValue(&opened, connection_->stream, bucket);
    const NatsBucket store(opened);
    kvWatcher* made = nullptr;
    if (status == NATS_OK) status = kvStore_WatchAll(&made, store.get(), nullptr);
    const NatsWatcher watcher(made);
    if (status != NATS_OK) {
      *error = nats_error(status, std::string("watch ") + bucket);
      return;
    }
    // An ordered consumer does not survive every way in which servers go: it is made anew now and then.
    const auto began = std::chrono::steady_clock::now();
    constexpr std::chrono::minutes kOneWatch{5};
    const std::uint64_t reconnected = reconnects();
    bool synced = false;
    while (!stop.stop_requested() && std::chrono::steady_clock::now() - began < kOneWatch &&
           reconnects() == reconnected) {
      kvEntry* got = nullptr;
      status = kvWatcher_Next(&got, watcher.get(), for_ever && synced ? 500 : 5'000);
      const NatsEntry entry(got);
      if (status == NATS_TIMEOUT && for_ever && synced) continue;
      if (status != NATS_OK) {
        *error = nats_error(status, std::string("watch ") + bucket);
        return;
      }
      if (got != nullptr) {
        on_entry(kvEntry_Key(got), got);
      } else {
        synced = true;
        on_synced();
        if (!for_ever) return;
      }
    }
  }

  std::uint64_t reconnects() const {
    natsStatistics* statistics = nullptr;
    if (natsStatistics_Create(&statistics) != NATS_OK) return 0;
    std::uint64_t count = 0;
    if (natsConnection_GetStats(connection_->connection, statistics) == NATS_OK)
      (void)natsStatistics_GetCounts(statistics, nullptr, nullptr, nullptr, nullptr, &count);
    natsStatistics_Destroy(statistics);
    return count;
  }

  const NatsOptions options_;
  std::shared_ptr<NatsConnection> connection_;
};

}  // namespace

Result<std::shared_ptr<Bus>> connect_nats(const NatsOptions& options) {
  auto bus = std::make_shared<NatsBus>(options);
  if (auto connected = bus->connect(); !connected) return std::unexpected(connected.error());
  return bus;
}

}  // namespace rtpx::fleet
