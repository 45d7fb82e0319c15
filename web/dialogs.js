// What is asked in a dialog of its own: whether to delete, a recording's name and labels.
import * as api from './api.js';
import { bytes, day } from './format.js';
import { t } from './strings.js';

const $ = (id) => document.getElementById(id);

/** Its answer: the value of the button. */
function ask(dialog) {
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue), { once: true });
  });
}

/** False: they are to be kept. */
export async function askAndDelete(recordings) {
  const [{ name, created, bytes: size }] = recordings;
  $('confirm-title').textContent = t(recordings.length > 1 ? 'delete_many_title' : 'delete_title');
  $('confirm-text').textContent = recordings.length > 1 ? t('delete_many_text', { count: recordings.length })
    : t('delete_text', { title: name || day(created), bytes: bytes(size) });
  if (await ask($('confirm')) !== 'yes') return false;
  for (const { id } of recordings) await api.remove(id);
  return true;
}

const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

export async function edit({ id, name, labels, metadata }) {
  $('edit-name').value = name;
  $('edit-labels').value = labels.join('\n');
  $('edit-metadata').value = Object.entries(metadata).map(([key, value]) => `${key}: ${value}`).join('\n');
  if (await ask($('edit')) !== 'save') return;
  const now = Object.fromEntries(lines($('edit-metadata').value).map((line) => {
    const colon = line.indexOf(':');
    return colon < 1 ? [line, ''] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
  }));
  const gone = Object.fromEntries(Object.keys(metadata).filter((key) => !(key in now)).map((key) => [key, null]));
  await api.describe(id, { name: $('edit-name').value, labels: lines($('edit-labels').value), metadata: { ...now, ...gone } });
}

/** Empty: none. */
export async function askForLabel() {
  $('label-many-text').value = '';
  return await ask($('label-many')) === 'save' ? $('label-many-text').value.trim() : '';
}
