// Several recordings at once: which are chosen, and what is done to them.
import * as api from './api.js';
import { askForLabel } from './dialogs.js';
import { t } from './strings.js';

export class Chosen {
  constructor(bar, list) {
    Object.assign(this, { bar, list });
    this.ids = new Set();
    this.text = document.createElement('span');
    this.text.setAttribute('role', 'status');
    const button = (text, action, className = '') => {
      const node = Object.assign(document.createElement('button'), { type: 'button', textContent: text, className });
      node.addEventListener('click', () => this.run(action));
      return node;
    };
    bar.append(this.text,
      button(t('add_label'), () => this.label()),
      button(t('convert_again'), () => this.each(({ id }) => api.convert(id))),
      button(t('delete'), () => list.delete(this.recordings), 'danger'),
      button(t('clear'), () => this.clear()));
  }

  get recordings() {
    return [...this.ids].map((id) => this.list.recordings.get(id)).filter(Boolean);
  }

  box(id, title) {
    const box = Object.assign(document.createElement('input'), { type: 'checkbox', checked: this.ids.has(id), className: 'choose' });
    box.setAttribute('aria-label', t('choose', { title }));
    box.addEventListener('change', () => {
      if (box.checked) this.ids.add(id);
      else this.ids.delete(id);
      this.show();
    });
    return box;
  }

  forget(id) {
    this.ids.delete(id);
  }

  clear() {
    this.ids.clear();
    for (const box of this.list.list.querySelectorAll('.choose')) box.checked = false;
  }

  show() {
    this.bar.hidden = this.ids.size === 0;
    this.text.textContent = t('chosen', { count: this.ids.size });
  }

  async run(action) {
    try {
      await action();
      await this.list.load();
    } catch (error) {
      this.list.notice(error.message);
    }
    this.show();
  }

  /** One after the other; what fails is told when all have had their turn. */
  async each(action) {
    let failed;
    for (const recording of this.recordings) await action(recording).catch((error) => { failed ??= error; });
    if (failed) throw failed;
  }

  async label() {
    const label = await askForLabel();
    if (label) await this.each(({ id, labels }) => (labels.includes(label) ? Promise.resolve() : api.describe(id, { labels: [...labels, label] })));
  }
}
