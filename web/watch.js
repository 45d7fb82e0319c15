// One recording, for whoever has a link to it: watch.html?recording=ID&link=LINK
import { recording } from './api.js';
import { day } from './format.js';
import { encryptedPart } from './keys.js';
import { openPlayer } from './player.js';
import { t, translate } from './strings.js';
import { openStream } from './watcher.js';

const query = new URLSearchParams(location.search);
const id = query.get('recording') ?? '';
const link = query.get('link') ?? '';
const withLink = (url) => url && `${url}?${new URLSearchParams({ link })}`;

translate();

async function show() {
  const entry = await recording(id, link);
  document.title = document.getElementById('title').textContent = entry.name || day(entry.created);
  if (entry.encrypted) {
    const item = document.getElementById('files').appendChild(document.createElement('li'));
    item.append(encryptedPart(entry, item, document.title, link));
  } else {
    const whole = document.getElementById('files').appendChild(document.createElement('li'));
    const followed = ['starting', 'running'].includes(entry.live_film?.state);
    let failure;
    for (const film of followed ? [true, false] : [false]) { // a film that comes to nothing leaves the recording itself
      try {
        await openStream(whole, id, document.title, { link, film, autoplay: false });
        return;
      } catch (error) {
        failure = error;
      }
    }
    whole.remove();
    if (entry.files.length === 0) throw failure;
  }
  for (const file of entry.files) {
    const item = document.getElementById('files').appendChild(document.createElement('li'));
    const linked = { ...file, url: withLink(file.url), thumbnail_url: withLink(file.thumbnail_url), sprites_url: withLink(file.sprites_url) };
    await openPlayer(item, linked, document.title, { autoplay: false, withLink });
  }
}

show().catch((error) => {
  document.getElementById('notice').textContent = error.status === 401 ? t('link_ended') : error.message;
  document.getElementById('notice').hidden = false;
});
