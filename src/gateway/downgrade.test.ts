import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import tls from 'node:tls'
import { createFlooder } from '../testing/flooder.ts'
import { type GatewayRig, type RigServer, serveOnLoopback, startGatewayRig } from '../testing/gateway-rig.ts'
import { FLAG, FRAME, frame, headerBlock } from '../testing/http2-frames.ts'
import { makeScratchFolder, type ScratchFolder } from '../testing/scratch-folder.ts'
import { until } from '../testing/until.ts'
import { makeWebCertificate } from '../testing/web-certificate.ts'

const GOOD = { ':method': 'GET', ':scheme': 'https', ':path': '/good', ':authority': 'a.example' }
const END = '\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n'

/** Requests of HTTP/2 that would say something else in HTTP/1.1. */
const CORPUS: [what: string, fields: Record<string, string>][] = [
  ['a line end in a value', { ...GOOD, 'x-a': `b${END}` }],
  ['a line end in a name', { ...GOOD, 'x-a: b\r\nx-c': 'd' }],
  ['a colon in a name', { ...GOOD, 'x-a:b': 'c' }],
  ['a NUL in a value', { ...GOOD, 'x-a': 'a\0b' }],
  ['a space in a path', { ...GOOD, ':path': '/ HTTP/1.1\r\nHost: a.example\r\n\r\nGET /smuggled' }],
  ['a line end in a method', { ...GOOD, ':method': `GET /smuggled HTTP/1.1${END}` }],
  ['a line end in an authority', { ...GOOD, ':authority': `a.example${END}` }],
  ['an encoding', { ...GOOD, ':method': 'POST', 'transfer-encoding': 'chunked' }],
  ['a connection header', { ...GOOD, connection: 'keep-alive, x-a' }],
  ['an upgrade', { ...GOOD, upgrade: 'websocket' }],
  ['a length that is not so', { ...GOOD, ':method': 'POST', 'content-length': '100' }],
  ['a length that is none', { ...GOOD, ':method': 'POST', 'content-length': '1, 2' }],
  ['another host beside the authority', { ...GOOD, host: 'b.example' }],
  ['a name in capitals', { ...GOOD, 'X-A': 'b' }],
  ['no path', { ':method': 'GET', ':scheme': 'https', ':authority': 'a.example' }],
]

describe('requests of HTTP/2 that cannot be said in HTTP/1.1', () => {
  let folder: ScratchFolder
  let app: RigServer
  let rig: GatewayRig
  let ca = ''
  const reached: string[] = []
  before(async () => {
    folder = makeScratchFolder()
    const { certificatePem, keyPem } = await makeWebCertificate(['a.example'])
    ca = certificatePem
    writeFileSync(folder.file('c.pem'), certificatePem)
    writeFileSync(folder.file('c.key'), keyPem)
    app = await serveOnLoopback((request, response) => {
      reached.push(
        `${request.method} ${request.url} ${request.rawHeaders.filter(text => /^x-[ac]/.test(text))}`,
      )
      request.resume().on('end', () => response.end('ok'))
    })
    rig = await startGatewayRig(
      `
listeners: [{ kind: https, listen: '127.0.0.1:0' }]
certificates: [{ certificate: ${folder.file('c.pem')}, key: ${folder.file('c.key')} }]
routes: [{ host: a.example, service: app }]
`,
      { 'tcp/app': app.port },
    )
  })
  after(async () => {
    await rig[Symbol.asyncDispose]()
    await app[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  async function send(fields: Record<string, string>) {
    const socket = tls.connect({
      port: rig.port,
      host: '127.0.0.1',
      servername: 'a.example',
      ca,
      ALPNProtocols: ['h2'],
    })
    await once(socket, 'secureConnect')
    const client = createFlooder(socket)
    await client.send(frame(FRAME.HEADERS, FLAG.END_STREAM | FLAG.END_HEADERS, 1, headerBlock(fields)))
    const isAnswer = ({ type, stream }: { type: number; stream: number }) =>
      (stream === 1 && (type === FRAME.HEADERS || type === FRAME.RST_STREAM)) || type === FRAME.GOAWAY
    await until(() => client.frames.some(isAnswer) || client.hasEnded, 'there was an answer')
    socket.destroy()
  }

  it('while good ones arrive', async () => {
    await send(GOOD)
    assert.deepEqual(reached, ['GET /good '])
  })

  for (const [what, fields] of CORPUS) {
    it(`reach no service, or without it: ${what}`, async () => {
      reached.length = 0
      await send(fields)
      // nghttp2 drops a field that is none; everything else refuses the request.
      const isField = /in a (?:name|value)$/.test(what) && !what.includes('capitals')
      assert.deepEqual(reached, isField ? ['GET /good '] : [])
    })
  }
})
