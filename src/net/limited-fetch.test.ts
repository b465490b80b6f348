import assert from 'node:assert/strict'
import http, { type RequestListener } from 'node:http'
import https from 'node:https'
import net, { type AddressInfo, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { createKeyPair } from '../pki/key-pair.ts'
import { forgeCertificate } from '../testing/forge-certificate.ts'
import { assertRefused } from '../testing/refusal.ts'
import { createLimitedFetch, type LimitedFetchOptions } from './limited-fetch.ts'

const ends: (() => unknown)[] = []
after(async () => {
  for (const end of ends) await end()
})

function fetcher(options: LimitedFetchOptions = {}) {
  const made = createLimitedFetch({ reach: 'computer', ...options })
  ends.push(() => made[Symbol.asyncDispose]())
  return made
}

async function serve(answer: RequestListener): Promise<string> {
  const server = http.createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server that says whatever it likes. */
async function serveRaw(speak: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = net.createServer(socket => {
    sockets.add(socket.on('error', () => undefined))
    speak(socket)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('json() gives the document, by address and by name', async () => {
  const url = await serve((_, answer) => answer.end('{"keys":[]}'))
  const byName = url.replace('127.0.0.1', 'localhost')
  assert.deepEqual([await fetcher().json(url), await fetcher().json(byName)], [{ keys: [] }, { keys: [] }])
})

test('json() asks no address that it may not, by number or by name', async () => {
  let askedCount = 0
  const url = await serve((_, answer) => {
    askedCount++
    answer.end('{}')
  })
  for (const reach of ['public', 'site'] as const) {
    await assertRefused(fetcher({ reach }).json(url), 'denied')
    await assertRefused(fetcher({ reach }).json(url.replace('127.0.0.1', 'localhost')), 'denied')
    await assertRefused(fetcher({ reach }).json(url.replace('127.0.0.1', '[::1]')), 'denied')
    await assertRefused(fetcher({ reach }).json(url.replace('127.0.0.1', '[::ffff:7f00:1]')), 'denied')
    await assertRefused(fetcher({ reach }).json(url.replace('127.0.0.1', '0.0.0.0')), 'denied')
    await assertRefused(fetcher({ reach }).json(url.replace('127.0.0.1', '2130706433')), 'denied')
  }
  await assertRefused(fetcher().json('http://169.254.169.254/latest/meta-data/'), 'denied')
  await assertRefused(fetcher().json('http://192.0.2.1/'), 'denied')
  await assertRefused(fetcher({ reach: 'public' }).json('https://10.0.0.1/'), 'denied')
  for (const host of ['[64:ff9b::a9fe:a9fe]', '[2002:7f00:1::1]', '[fe80::1]', '[fd00::1]']) {
    await assertRefused(fetcher({ reach: 'public' }).json(`https://${host}/`), 'denied')
  }
  assert.equal(askedCount, 0)
})

test('json() takes nothing but a web address without a user', async () => {
  for (const url of ['file:///etc/passwd', 'ftp://127.0.0.1/', 'keys', '', 'http://a:b@127.0.0.1/']) {
    await assertRefused(fetcher().json(url), 'bad-input')
  }
})

test('json() follows three redirects, and no fourth', async () => {
  const url = await serve((request, answer) => {
    const hop = Number(request.url?.slice(1))
    if (hop === 0) answer.end('{"hop":0}')
    else answer.writeHead(302, { location: `/${hop - 1}` }).end('moved')
  })
  assert.deepEqual(await fetcher().json(`${url}/3`), { hop: 0 })
  await assertRefused(fetcher().json(`${url}/4`), 'bad-message', /redirects/)
})

test('json() is not redirected to another scheme, nor to an address that it may not ask', async () => {
  let location = 'https://127.0.0.1/'
  const url = await serve((_, answer) => answer.writeHead(302, { location }).end())
  for (const to of ['https://127.0.0.1/', 'file:///etc/passwd', 'http://a:b@127.0.0.1/', 'http://[']) {
    location = to
    await assertRefused(fetcher().json(url), 'bad-message')
  }
  location = 'http://169.254.169.254/'
  await assertRefused(fetcher().json(url), 'denied')
})

test('json() ends with its time, wherever the other side stops', async () => {
  const silent = await serveRaw(() => undefined)
  const inHeaders = await serveRaw(socket => socket.write('HTTP/1.1 200 OK\r\nConte'))
  const inBody = await serveRaw(socket =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"keys"'),
  )
  const dripping = await serveRaw(socket => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
    const timer = setInterval(() => socket.write(' '), 20)
    socket.once('close', () => clearInterval(timer))
  })
  const moving = await serve((_, answer) => {
    setTimeout(() => answer.writeHead(302, { location: '/' }).end(), 150)
  })
  const limited = fetcher({ timeoutMs: 300 })
  await Promise.all(
    [silent, inHeaders, inBody, dripping, moving].map(url => assertRefused(limited.json(url), 'timed-out')),
  )
})

test('json() reads no more than its limit, announced or not', async () => {
  let sentBytes = 0
  const url = await serve((request, answer) => {
    if (request.url === '/announced') answer.setHeader('content-length', 1_000_000_000)
    const block = ' '.repeat(65_536)
    const push = () => {
      while (!answer.destroyed && sentBytes < 200_000_000) {
        sentBytes += block.length
        if (answer.write(block)) continue
        answer.once('drain', push)
        return
      }
    }
    push()
  })
  await assertRefused(fetcher().json(`${url}/announced`), 'too-large')
  await assertRefused(fetcher().json(`${url}/chunked`), 'too-large')
  assert.ok(sentBytes < 100_000_000, `${sentBytes} bytes were sent`)
})

test('json() takes no answer that is no document', async () => {
  const bodies: Record<string, [number, string | Buffer]> = {
    '/500': [500, '{"keys":[]}'],
    '/404': [404, '{}'],
    '/204': [204, ''],
    '/page': [200, '<html>log in first</html>'],
    '/empty': [200, ''],
    '/utf8': [200, Buffer.from([0x22, 0xff, 0x22])],
    '/gzip': [200, Buffer.from([0x1f, 0x8b, 8, 0])],
    '/redirect': [302, ''],
  }
  const url = await serve((request, answer) => {
    const [status, body] = bodies[request.url ?? ''] ?? [404, '']
    answer.writeHead(status, { 'content-type': 'text/html' }).end(body)
  })
  for (const path of Object.keys(bodies)) await assertRefused(fetcher().json(`${url}${path}`), 'bad-message')
  const nonsense = await serveRaw(socket => socket.end('SSH-2.0-OpenSSH_9.2\r\n'))
  await assertRefused(fetcher().json(nonsense), 'bad-message')
  const headers = await serveRaw(socket =>
    socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n{}`),
  )
  await assertRefused(fetcher().json(headers), 'bad-message')
  const cut = await serveRaw(socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{'))
  await assertRefused(fetcher().json(cut), 'link-closed')
})

test('json() says that nothing listens there', async () => {
  const server = net.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  await assertRefused(fetcher().json(`http://127.0.0.1:${port}/`), 'unreachable')
})

test('json() believes a server by its certificate, of Node or of the authority it is given', async () => {
  const keys = await createKeyPair()
  const [fromMs, untilMs] = [Date.now() - 3_600_000, Date.now() + 3_600_000]
  const issuer = { subject: 'issuer', keys }
  const cert = await forgeCertificate({
    subject: 'issuer',
    keys,
    issuer,
    uris: [],
    hosts: ['localhost'],
    isCa: true,
    keyUsages: ['digitalSignature', 'keyCertSign'],
    purposes: ['serverAuth'],
    fromMs,
    untilMs,
  })
  const server = https.createServer({ key: keys.privateKeyPem, cert }, (_, answer) => answer.end('{"a":1}'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  ends.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  assert.deepEqual(await fetcher({ caPem: cert }).json(`https://localhost:${port}/`), { a: 1 })
  await assertRefused(fetcher({ caPem: cert }).json(`https://127.0.0.1:${port}/`), 'not-trusted')
  await assertRefused(fetcher().json(`https://localhost:${port}/`), 'not-trusted')
})
