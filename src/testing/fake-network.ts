import type { FakeAnswer } from './fake-call.ts'

const OFFICE = '1d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c12'
const NOW_MS = Date.UTC(2026, 10, 20, 19)
const STEPS = [null, 0, 1_000, 7_000]
const SERIES = { sentBytes: STEPS, receivedBytes: STEPS, roundTripMs: [null, null, 3, 4] }
const HOST = {
  id: OFFICE,
  name: 'office',
  user: 'root',
  isOnline: true,
  isAllowed: true,
  because: 'allowed by policy "own"',
}

/** What a fake agent says of reach, traffic and sessions. */
export const FAKE_NETWORK: Readonly<Record<string, FakeAnswer>> = {
  'agent.showReach': () => ({
    from: { id: '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11', name: 'laptop', user: 'root', isOnline: true },
    isAllowed: true,
    because: HOST.because,
    hosts: [{ ...HOST, mayMeetDirectly: true }],
    verdict: 'reached',
    tried: [
      {
        endpoint: OFFICE,
        path: 'relay',
        roundTripMs: 3,
        ways: [
          { path: 'relay', state: 'open', sinceMs: NOW_MS },
          { path: 'direct', state: 'failed', sinceMs: NOW_MS, error: 'no answer' },
        ],
      },
    ],
  }),
  'agent.showTraffic': () => ({
    stepMs: 5_000,
    endsAtMs: NOW_MS,
    total: SERIES,
    paths: [{ path: 'relay', ...SERIES }],
  }),
  'agent.listSessions': () => ({
    sessions: [
      {
        endpoint: OFFICE,
        name: 'office',
        user: 'root',
        openedBy: 'us',
        path: 'relay',
        sinceMs: NOW_MS,
        streamCount: 2,
        sentBytes: 1_000,
        receivedBytes: 2_000,
        roundTripMs: 3,
        services: [],
      },
    ],
  }),
  'agent.endSessions': () => undefined,
}
