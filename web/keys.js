// A recording that was encrypted end to end: asks for the call's key, and plays what the server decrypts with it for
// this viewer alone. Where the server decrypts nothing: the sealed files, and the command that opens them.
import * as api from './api.js';
import { bytes } from './format.js';
import { openPlayer } from './player.js';
import { t } from './strings.js';
import { closeStream, openStream } from './watcher.js';

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** A passphrase, or the JSON of a keys file, or the identity that opens a sealed recording. */
export const keysOf = (text) => (text.trim().startsWith('{') || text.includes('RTPXSECRET1') ? text : JSON.stringify({ keys: [{ name: 'passphrase', passphrase: text }] }));

function sealedFiles({ sealed_files: files, command }) {
  const list = element('ul', { className: 'quiet' });
  for (const { name, url } of files) list.append(element('li', {}, element('a', { href: `${url}?download`, download: name }, name)));
  return [element('p', {}, t('no_decryption'), element('code', {}, command)), list];
}

function decryptedFiles(opened, recording, item, title, withLink, onForget) {
  const row = element('div', { className: 'row' });
  const linked = opened.files.map((file) => ({ ...file, url: withLink(file.url) }));
  for (const file of linked) {
    const download = `${file.url}${file.url.includes('?') ? '&' : '?'}download`;
    row.append(element('button', { type: 'button', onclick: () => openPlayer(item, file, title) }, t('play')),
      element('a', { className: 'button', href: download, download: file.name }, `${t('download')} (${bytes(file.bytes)})`));
  }
  row.append(element('button', { type: 'button', onclick: onForget }, t('forget')));
  if (linked.length > 0) openPlayer(item, linked[0], title);
  const losses = opened.has_losses ? t('decrypted_losses') : '';
  const minutes = Math.round(opened.kept_seconds / 60);
  return [element('p', { role: 'status' },
    `${t('decrypted', { minutes })}${losses}`), row];
}

/** `item` takes the player. `link`: of a viewer without a token. */
export function encryptedPart(recording, item, title, link) {
  const { what, decrypts } = recording.encrypted;
  const part = element('div', { className: 'keys' });
  const text = `${what[0].toUpperCase()}${what.slice(1)}.`;
  const withLink = (url) => (link ? `${url}?${new URLSearchParams({ link })}` : url);
  const ask = (said = '') => {
    if (!decrypts) {
      part.replaceChildren(element('p', { className: 'quiet' }, text), ...sealedFiles(recording.encrypted));
      return;
    }
    const input = element('input', { type: 'password', autocomplete: 'off', required: true, name: 'key' });
    const button = element('button', { className: 'primary' }, t('decrypt'));
    const status = element('p', { className: 'quiet', role: 'status' }, said);
    const watch = element('button', { type: 'button' }, t('play_at_once'));
    watch.addEventListener('click', async () => {
      if (!input.reportValidity()) return;
      const keys = keysOf(input.value);
      input.value = '';
      try {
        const { ticket, kept_seconds: kept } = await api.playKeys(recording.id, keys, link);
        const forget = element('button', { type: 'button' }, t('forget'));
        forget.addEventListener('click', async () => {
          closeStream(item);
          await api.forgetPlayKeys(recording.id, ticket, link).catch(() => {});
          ask(t('forgotten'));
        });
        part.replaceChildren(element('p', { role: 'status' },
          t('decrypted_while', { minutes: Math.round(kept / 60) })), forget);
        await openStream(item, recording.id, title, { link, keys: ticket });
      } catch (error) {
        ask(error.message);
      }
    });
    const form = element('form', { className: 'row' },
      element('label', {}, t(recording.sealed ? 'identity' : 'passphrase'), input), button, recording.sealed ? '' : watch);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const keys = keysOf(input.value);
      input.value = '';
      button.disabled = true;
      status.textContent = t('decrypting');
      try {
        const opened = await api.decrypt(recording.id, keys, link);
        part.replaceChildren(...decryptedFiles(opened, recording, item, title, withLink, async () => {
          item.querySelector('.player')?.remove();
          await api.forgetDecrypted(recording.id, opened.ticket, link).catch(() => {});
          ask(t('forgotten'));
        }));
      } catch (error) {
        status.textContent = error.message;
        button.disabled = false;
      }
    });
    part.replaceChildren(element('p', { className: 'quiet' }, text), form, status);
  };
  ask();
  return part;
}
