import { Duplex } from 'node:stream'
import { type ConnectionOptions, connect } from 'node:tls'

/** What a TLS client of Node writes first, whole. */
export async function captureClientHello(options: ConnectionOptions): Promise<Buffer> {
  const chunks: Buffer[] = []
  let tell = () => {}
  const whole = new Promise<void>(resolve => {
    tell = resolve
  })
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      if (bytes.length > 5 && bytes.length >= 5 + bytes.readUInt16BE(3)) tell()
      done()
    },
  })
  const client = connect({ ...options, socket: wire })
  client.on('error', () => {})
  await whole
  client.destroy()
  return Buffer.concat(chunks)
}
