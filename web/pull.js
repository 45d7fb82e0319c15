// "Record from a URL": what a WHEP server plays is recorded by the server; the page may be closed.
import { pull, pulls, stopPull } from './api.js';
import { t } from './strings.js';

const EVERY_MS = 2000;

export class Puller {
  constructor(form, status, stop, notice) {
    Object.assign(this, { form, status, stop, notice });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.start();
    });
    stop.addEventListener('click', () => this.end());
  }

  async start() {
    const { url, token, name } = Object.fromEntries(new FormData(this.form));
    try {
      this.id = (await pull({ url, token, name })).id;
      this.notice('');
      this.stop.hidden = false;
      this.follow(this.id);
    } catch (error) {
      this.notice(error.message);
    }
  }

  /** Says how it stands, until it has ended or another one was begun. */
  async follow(id) {
    while (this.id === id) {
      const one = (await pulls().catch(() => ({ pulls: [{ id }] }))).pulls.find((each) => each.id === id);
      if (one?.state) this.status.textContent = [t(`pull.${one.state}`), one.error].filter(Boolean).join(': ');
      if (!one || one.state === 'ended') {
        this.stop.hidden = true;
        return;
      }
      await new Promise((resolve) => { setTimeout(resolve, EVERY_MS); });
    }
  }

  async end() {
    const { id } = this;
    this.id = undefined;
    this.stop.hidden = true;
    this.status.textContent = t('pull.ending');
    await stopPull(id).catch((error) => this.notice(error.message));
    this.status.textContent = t('pull.ended');
  }
}
