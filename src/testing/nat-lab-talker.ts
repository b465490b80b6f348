import net from 'node:net'

// A program of the network lab that speaks over IPC. `echo` sends back what it gets, and says its port. `talk PORT`
// keeps one connection busy: it sends a pattern at an even pace, compares what comes back, and says how it goes until
// it is told to finish.

/** What `talk` says, several times a second. */
export interface TalkReport {
  /** From connecting to the first byte back. */
  readonly firstByteMs: number
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Time between two arrivals. */
  readonly longestPauseMs: number
  /** All bytes came back, and the connection has ended well. */
  readonly isFinished: boolean
  /** Why it is over, if not well. */
  readonly error?: string
}

function echo(): void {
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as net.AddressInfo).port))
}

function talk(port: number): void {
  const startedMs = performance.now()
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  let [sentBytes, receivedBytes, firstByteMs, longestPauseMs] = [0, 0, 0, 0]
  let lastMs = startedMs
  const report = (isFinished: boolean, error?: string) => {
    const said: TalkReport = {
      ...{ firstByteMs, sentBytes, receivedBytes, longestPauseMs, isFinished },
      ...(error !== undefined && { error }),
    }
    process.send?.(said)
  }
  const end = (error?: string) => {
    clearInterval(pace)
    clearInterval(telling)
    report(error === undefined, error)
    process.disconnect()
    socket.destroy()
  }
  const pace = setInterval(() => {
    if (socket.writableLength > 0) return
    socket.write(patternAt(sentBytes, BLOCK_BYTES))
    sentBytes += BLOCK_BYTES
  }, PACE_MS)
  const telling = setInterval(report, REPORT_MS, false)
  socket.on('data', bytes => {
    const now = performance.now()
    if (receivedBytes === 0) firstByteMs = now - startedMs
    else longestPauseMs = Math.max(longestPauseMs, now - lastMs)
    lastMs = now
    const isSame = bytes.equals(patternAt(receivedBytes, bytes.length))
    receivedBytes += bytes.length
    if (!isSame) end(`wrong bytes before ${receivedBytes}`)
  })
  socket.on('end', () =>
    end(receivedBytes === sentBytes ? undefined : `ended after ${receivedBytes} of ${sentBytes}`),
  )
  socket.on('error', error => end(error.message))
  process.on('message', () => {
    clearInterval(pace)
    socket.end()
  })
}

/** Bytes that tell where in the stream they are, from a position on. */
function patternAt(position: number, byteCount: number): Buffer {
  const bytes = Buffer.allocUnsafe(byteCount)
  for (let i = 0; i < byteCount; i += 1) {
    const at = position + i
    bytes[i] = Math.imul(at >>> 2, 0x9e37_79b1) >>> ((at & 3) * 8)
  }
  return bytes
}

const BLOCK_BYTES = 509
const PACE_MS = 20
const REPORT_MS = 50

process.once('disconnect', () => process.exit())
if (process.argv[2] === 'echo') echo()
else talk(Number(process.argv[3]))
