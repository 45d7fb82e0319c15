// The Record card: devices, preview, the button, and the meters while it runs.
import { alive } from './api.js';
import { bitRate, duration } from './format.js';
import { startPublishing, videoCodecs } from './publisher.js';

const ASK_EVERY = 1000; // ms: with the time that an answer has, a server that went away is noticed within 3 s
const WRITTEN_AFTER = 1000; // ms after which what the server had is on its disk

const $ = (id) => document.getElementById(id);

const why = {
  NotAllowedError: 'The browser was not allowed to use it. Allow camera and microphone for this page and try again.',
  NotFoundError: 'No such device was found on this computer.',
  NotReadableError: 'The device is in use by another program.',
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
    addEventListener('pagehide', () => this.session?.stop());
    if (!navigator.mediaDevices) {
      $('record').disabled = true;
      $('status').textContent = 'This page was not opened over https or on localhost, and browsers give camera and microphone to such pages only. Start the server with --tls-cert and --tls-key, or use a proxy with TLS.';
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
    fill($('camera'), 'videoinput', 'Camera');
    fill($('microphone'), 'audioinput', 'Microphone');
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
    if (stream.getTracks().length === 0) throw new Error('Choose a picture, a sound, or both.');
    return stream;
  }

  async start() {
    $('status').textContent = 'Starting …';
    this.stream = await this.capture();
    $('preview').srcObject = this.stream;
    $('stage-text').hidden = this.stream.getVideoTracks().length > 0;
    this.run = await alive();
    await this.publish({ codec: $('codec').value, simulcast: $('simulcast').checked, name: $('name').value });
    for (const track of this.stream.getTracks()) track.addEventListener('ended', () => this.session && this.stop());
    this.startedAt = this.heardAt = Date.now();
    this.tick();
    $('timer').hidden = $('meters').hidden = false;
    $('recorder').classList.add('recording');
    $('record-text').textContent = 'Stop';
    $('status').textContent = 'Recording.';
    this.watch = setTimeout(() => this.ask(), ASK_EVERY);
    this.listDevices();
  }

  async publish(settings) {
    this.settings = settings;
    this.session = await startPublishing(this.stream, {
      ...settings,
      onLost: () => {
        if (this.away) return;
        this.notice('The connection to the server broke. What was recorded until then is kept.');
        this.stop();
      },
    });
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
        this.notice(`The server is back, but recording does not go on yet: ${error.message}`);
      }
    }
    if (this.session) this.watch = setTimeout(() => this.ask(), ASK_EVERY);
  }

  lose() {
    if (this.away) return;
    this.away = true;
    clearInterval(this.clock);
    const safe = Math.max(0, this.heardAt - this.startedAt - WRITTEN_AFTER);
    this.notice(`The server does not answer. What was recorded until ${duration(safe)} is safe. Recording goes on by itself when the server is back.`);
    $('status').textContent = 'Waiting for the server.';
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
      $('status').textContent = 'The server is back. Recording.';
    }
    this.heardAt = now;
  }

  async stop() {
    const { session } = this;
    this.session = null;
    await session?.stop();
    this.idle();
    $('status').textContent = 'Stopped. The recording is being converted.';
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
    $('timer').hidden = $('meters').hidden = true;
    $('recorder').classList.remove('recording');
    $('record-text').textContent = 'Record';
    $('status').textContent = '';
  }

  /** Live figures of our own session, once a second. */
  show(sessions) {
    const mine = sessions.find((session) => session.session === this.session?.id);
    if (!mine) return;
    const streams = mine.tracks.flatMap((track) => track.streams);
    const sum = (field) => streams.reduce((total, stream) => total + stream[field], 0);
    $('bit-rate').textContent = bitRate(mine.bits_per_second ?? 0);
    $('lost').textContent = sum('lost') === 0 ? 'none' : `${sum('lost')}, ${sum('recovered')} came again`;
    $('rtt').textContent = mine.rtt_ms === undefined ? '–' : `${Math.round(mine.rtt_ms)} ms`;
    const level = mine.tracks.find((track) => track.audio_level_dbov !== undefined)?.audio_level_dbov ?? -60;
    $('level').value = level;
    $('level').textContent = `${Math.round(level)} dB`;
  }
}
