// The Record card: devices, preview, the button, and the meters while it runs.
import { alive, mark, pause, resume } from './api.js';
import { bitRate, duration } from './format.js';
import { t } from './strings.js';
import { startPublishing, videoCodecs } from './publisher.js';

const ASK_EVERY = 1000; // ms: with the time that an answer has, a server that went away is noticed within 3 s
const WRITTEN_AFTER = 1000; // ms after which what the server had is on its disk

const $ = (id) => document.getElementById(id);

const why = {
  NotAllowedError: t('not_allowed'),
  NotFoundError: t('not_found'),
  NotReadableError: t('not_readable'),
};

export class Recorder {
  constructor(notice) {
    this.notice = notice;
    this.session = null;
    this.away = false;
    for (const codec of videoCodecs()) $('codec').append(new Option(codec === 'H264' ? 'H.264' : codec, codec));
    $('settings').addEventListener('submit', (event) => {
      event.preventDefault();
      this.toggle();
    });
    $('pause').addEventListener('click', () => this.say(() => this.togglePause()));
    $('mark').addEventListener('submit', (event) => {
      event.preventDefault();
      this.say(async () => {
        await mark(this.session.recording, $('mark-text').value);
        $('mark-text').value = '';
        $('status').textContent = t('marked');
      });
    });
    $('together').value = new URLSearchParams(location.search).get('together') ?? '';
    addEventListener('pagehide', () => this.session?.stop());
    if (!navigator.mediaDevices) {
      $('record').disabled = true;
      $('status').textContent = t('insecure');
    } else {
      this.listDevices();
      navigator.mediaDevices.addEventListener('devicechange', () => this.listDevices());
    }
  }

  async listDevices() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    const fill = (select, kind, name) => {
      const chosen = select.value;
      const options = devices.filter((device) => device.kind === kind)
        .map((device, index) => new Option(device.label || `${name} ${index + 1}`, device.deviceId));
      select.replaceChildren(...options);
      select.value = chosen || options[0]?.value || '';
      select.hidden = options.length < 2;
    };
    fill($('camera'), 'videoinput', t('camera'));
    fill($('microphone'), 'audioinput', t('microphone'));
  }

  async toggle() {
    $('record').disabled = true;
    this.notice('');
    try {
      if (this.session) await this.stop();
      else await this.start();
    } catch (error) {
      this.notice(why[error.name] ?? error.message);
      this.idle();
    }
    $('record').disabled = false;
  }

  /** Does something while it records; what fails is told. */
  async say(action) {
    if (!this.session) return;
    try {
      await action();
    } catch (error) {
      this.notice(error.message);
    }
  }

  async togglePause() {
    const { recording } = this.session;
    const paused = !this.paused;
    await (paused ? pause(recording) : resume(recording));
    this.showPause(paused);
  }

  /** Paused or not, by whomever. */
  showPause(paused) {
    if (paused === this.paused) return;
    this.paused = paused;
    $('pause').textContent = t(paused ? 'go_on' : 'pause');
    $('status').textContent = t(paused ? 'is_paused' : 'is_recording');
    if (paused) {
      this.pausedAt = Date.now();
      clearInterval(this.clock);
    } else {
      this.startedAt += Date.now() - this.pausedAt;
      this.tick();
    }
  }

  async capture() {
    const source = new FormData($('settings')).get('source');
    const sound = $('sound').checked && { deviceId: $('microphone').value || undefined };
    const stream = new MediaStream();
    if (source === 'screen') {
      const screen = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: true });
      for (const track of screen.getTracks()) stream.addTrack(track);
    }
    const wanted = {
      video: source === 'camera' && { deviceId: $('camera').value || undefined, width: { ideal: 1280 }, height: { ideal: 720 } },
      audio: stream.getAudioTracks().length === 0 && sound,
    };
    if (wanted.video || wanted.audio) {
      const devices = await navigator.mediaDevices.getUserMedia(wanted);
      for (const track of devices.getTracks()) stream.addTrack(track);
    }
    if (stream.getTracks().length === 0) throw new Error(t('choose_source'));
    return stream;
  }

  async start() {
    $('status').textContent = t('starting');
    this.stream = await this.capture();
    $('preview').srcObject = this.stream;
    $('stage-text').hidden = this.stream.getVideoTracks().length > 0;
    this.run = await alive();
    const together = $('together').value;
    await this.publish({
      codec: $('codec').value, simulcast: $('simulcast').checked, name: $('name').value, recording: together,
      resume: sessionStorage.getItem(`resume ${together}`), // as long as this page's tab is open
    });
    for (const track of this.stream.getTracks()) track.addEventListener('ended', () => this.session && this.stop());
    this.startedAt = this.heardAt = Date.now();
    this.tick();
    this.paused = false;
    $('timer').hidden = $('meters').hidden = $('during').hidden = false;
    $('recorder').classList.add('recording');
    $('record-text').textContent = t('stop');
    $('status').textContent = t('is_recording');
    this.watch = setTimeout(() => this.ask(), ASK_EVERY);
    this.listDevices();
  }

  async publish(settings) {
    this.settings = settings;
    this.session = await startPublishing(this.stream, {
      ...settings,
      onLost: () => {
        if (this.away) return;
        if (settings.recording) {
          this.comeBack();
          return;
        }
        this.notice(t('broke'));
        this.stop();
      },
    });
    this.settings.resume = this.session.resume;
    if (settings.recording) sessionStorage.setItem(`resume ${settings.recording}`, this.session.resume);
  }

  /** Together with others: their recording goes on, so we come back into it as who we were. */
  async comeBack() {
    const before = this.session;
    $('status').textContent = t('coming_back');
    try {
      await this.publish(this.settings);
      $('status').textContent = t('is_recording');
    } catch (error) {
      this.notice(t('broke_because', { error: error.message }));
      this.session = before;
      this.stop();
    }
  }

  tick() {
    clearInterval(this.clock);
    this.clock = setInterval(() => { $('timer').textContent = duration(Date.now() - this.startedAt); }, 250);
  }

  /** Is the server there? If not, the page says so, and goes on by itself when it is back. */
  async ask() {
    const run = await alive();
    if (!this.session) return;
    if (run === null) {
      this.lose();
    } else {
      try {
        await this.goOn(run);
      } catch (error) {
        this.notice(t('not_going_on', { error: error.message }));
      }
    }
    if (this.session) this.watch = setTimeout(() => this.ask(), ASK_EVERY);
  }

  lose() {
    if (this.away) return;
    this.away = true;
    clearInterval(this.clock);
    const safe = Math.max(0, this.heardAt - this.startedAt - WRITTEN_AFTER);
    this.notice(t('safe', { time: duration(safe) }));
    $('status').textContent = t('waiting_for_server');
  }

  async goOn(run) {
    const now = Date.now();
    if (run !== this.run) {
      this.away = true; // also when it was away for less than we would notice
      const before = this.session;
      await this.publish({ ...this.settings, continues: before.recording });
      before.stop();
      this.run = run;
    }
    if (this.away) {
      this.away = false;
      this.startedAt += now - this.heardAt; // nothing was recorded meanwhile
      this.tick();
      this.notice('');
      $('status').textContent = t('back');
    }
    this.heardAt = now;
  }

  async stop() {
    if (this.settings) sessionStorage.removeItem(`resume ${this.settings.recording}`); // who stops has left
    const { session } = this;
    const together = this.settings?.recording;
    this.session = null;
    this.finishing = together ? null : session?.recording;
    await session?.stop();
    this.idle();
    $('name').value = ''; // the next one is another
    $('status').textContent = t(together ? 'left' : 'stopped');
  }

  idle() {
    clearInterval(this.clock);
    clearTimeout(this.watch);
    this.session = null;
    this.away = false;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    $('preview').srcObject = null;
    $('stage-text').hidden = false;
    $('timer').hidden = $('meters').hidden = $('during').hidden = true;
    $('pause').textContent = t('pause');
    $('recorder').classList.remove('recording');
    $('record-text').textContent = t('record');
    $('status').textContent = '';
  }

  /** What the server says of us, once a second: live figures, and whether our recording is paused. */
  show({ sessions, recordings }) {
    const finished = this.finishing && recordings?.find(({ id, state }) => id === this.finishing && ['ready', 'uploaded', 'failed'].includes(state));
    if (finished && !this.session) {
      $('status').textContent = t(finished.state === 'failed' ? 'is_failed' : 'is_ready');
      this.finishing = null;
    }
    const ours = this.session && recordings?.find((change) => change.id === this.session.recording);
    if (ours?.paused !== undefined) this.showPause(ours.paused);
    const mine = sessions.find((session) => session.session === this.session?.id);
    if (!mine) return;
    const streams = mine.tracks.flatMap((track) => track.streams);
    const sum = (field) => streams.reduce((total, stream) => total + stream[field], 0);
    $('bit-rate').textContent = bitRate(mine.bits_per_second ?? 0);
    $('lost').textContent = sum('lost') === 0 ? t('nothing_lost') : t('lost_and_back', { lost: sum('lost'), recovered: sum('recovered') });
    $('rtt').textContent = mine.rtt_ms === undefined ? '–' : `${Math.round(mine.rtt_ms)} ms`;
    const level = mine.tracks.find((track) => track.audio_level_dbov !== undefined)?.audio_level_dbov ?? -60;
    $('level').value = level;
    $('level').textContent = `${Math.round(level)} dB`;
  }
}
