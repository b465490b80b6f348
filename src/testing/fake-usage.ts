import type { UsageInfo, UsageList } from '../core/api/billing-api.ts'
import { parseEndpointId } from '../core/model/ids.ts'
import { parseServiceName, parseUserName } from '../core/model/names.ts'
import type { Ms } from '../core/model/time.ts'

const BOB = {
  user: parseUserName('bob'),
  endpoint: parseEndpointId('0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'),
}
const ROOT = {
  user: parseUserName('root'),
  endpoint: parseEndpointId('7f3d4e4e-6f53-4a52-9a4b-0b6f0d9d7c11'),
}

const HEARD_MS = Date.UTC(2026, 10, 20, 18, 55)

const AGREED: UsageInfo = {
  session: 'c2Vzc2lvbg',
  stream: '00112233445566778899aabbccddeeff',
  service: parseServiceName('tcp/web'),
  dialler: BOB,
  host: ROOT,
  openedAtMs: HEARD_MS - 60_000,
  heardAtMs: HEARD_MS,
  isOpen: false,
  counts: {
    dialler: { bytesSent: 10, bytesReceived: 2_000_000, durationMs: 60_000, isFinal: true },
    host: { bytesSent: 10, bytesReceived: 2_000_000, durationMs: 60_000, isFinal: true },
  },
  charged: { bytesSent: 10, bytesReceived: 2_000_000, durationMs: 60_000 },
  waitingCount: 0,
  refusedCount: 0,
  verdict: 'agree',
  sentDifference: 0,
  receivedDifference: 0,
}

/** A list of usage with a stream of each kind: agreed on, disputed, reported by one end and open. */
export const FAKE_USAGE: UsageList = {
  usage: [
    AGREED,
    { ...AGREED, verdict: 'differ', sentDifference: 7, receivedDifference: -3, waitingCount: 1 },
    { ...AGREED, verdict: 'no-dialler', refusedCount: 1 },
    {
      ...AGREED,
      verdict: 'nobody',
      isOpen: true,
      charged: { bytesSent: 0, bytesReceived: 0, durationMs: 0 },
    },
  ],
  total: 4,
  verdicts: { agree: 1, differ: 1, 'no-dialler': 1, nobody: 1 },
  charged: { bytesSent: 30, bytesReceived: 6_000_000 },
  balances: [
    {
      user: BOB.user,
      service: parseServiceName('tcp/web'),
      available: 2_500_000,
      minimum: 1_000_000,
      currency: 'USD',
      askedAtMs: HEARD_MS as Ms,
    },
  ],
  pairs: [
    {
      dialler: BOB.endpoint,
      host: ROOT.endpoint,
      endBytes: 6_000_030,
      hubBytes: 4_100_000,
      hubOnly: 0,
      withoutHub: 1_900_030,
    },
  ],
}
