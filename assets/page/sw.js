// The service worker of the page: it keeps nothing at all, neither the page, which has a key in it, nor answers. What it does is say
// so in plain words when the agent does not answer, where the browser would show its own dinosaur.
//
// A navigation is passed on as the browser itself made it (navigation preload): one that this worker made would look as if it
// came from the page, and the agent lets in whom nobody else sent.

addEventListener('install', event => event.waitUntil(skipWaiting()))
addEventListener('activate', event => event.waitUntil(registration.navigationPreload?.enable()))
addEventListener('fetch', event => {
  if (event.request.mode !== 'navigate' || registration.navigationPreload === undefined) return
  event.respondWith(
    event.preloadResponse.then(
      answer => answer ?? sayOffline(),
      () => sayOffline(),
    ),
  )
})

function sayOffline() {
  const { lang, title, what, next } = navigator.language.startsWith('zh') ? CHINESE : ENGLISH
  const page = `<!doctype html><html lang="${lang}"><head><meta charset="utf-8"><title>ZTM</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"></head><body><main><h1>${title}</h1><p>${what}</p><pre>ztm start agent</pre><p><a href="">${next}</a></p></main></body></html>`
  return new Response(page, {
    status: 503,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
    },
  })
}

const ENGLISH = {
  lang: 'en',
  title: 'The agent does not answer',
  what: 'ZTM on this computer is not running, or is just starting. Start it in a terminal:',
  next: 'Try again',
}
const CHINESE = {
  lang: 'zh',
  title: '代理程序没有应答',
  what: '本机的 ZTM 没有运行，或正在启动。请在终端中启动：',
  next: '重试',
}
