/** What a figure is and how it reads. */
export interface Measure {
  readonly id: string
  readonly title: string
  readonly unit: string
  /** Whether more is better. */
  readonly isMoreBetter: boolean
}

/** What is measured of each contestant as a whole, in the order of the report. */
export const MEASURES: readonly Measure[] = [
  more('send-1', 'throughput, send, 1 stream', 'Gbit/s'),
  more('receive-1', 'throughput, receive, 1 stream', 'Gbit/s'),
  more('send-8', 'throughput, send, 8 streams', 'Gbit/s'),
  more('receive-8', 'throughput, receive, 8 streams', 'Gbit/s'),
  less('echo-p50', '1-byte echo on an open connection, p50', 'ms'),
  less('echo-p99', '1-byte echo on an open connection, p99', 'ms'),
  less('first-byte-p50', 'new connection until its first byte, p50', 'ms'),
  less('first-byte-p99', 'new connection until its first byte, p99', 'ms'),
  more('new-1', 'new connections, one at a time', '1/s'),
  less('new-1-p50', '- connect, echo, close, p50', 'ms'),
  less('new-1-p99', '- connect, echo, close, p99', 'ms'),
  more('new-50', 'new connections, 50 at once', '1/s'),
  less('new-50-p50', '- connect, echo, close, p50', 'ms'),
  less('new-50-p99', '- connect, echo, close, p99', 'ms'),
  more('wrk', 'HTTP requests (wrk -t1 -c50, nginx, 1 KiB)', '1/s'),
  less('wrk-p50', '- latency, p50', 'ms'),
  less('wrk-p99', '- latency, p99', 'ms'),
  less('failures', 'connections and requests that failed', ''),
  less('usable', 'from `join` to the first byte through a tunnel', 'ms'),
  less('usable-commands', '- of that, until the commands had returned', 'ms'),
  less('version-cpu', '`ztm --version` of the bundle, processor time', 'ms'),
]

/** What is measured of each process of a contestant. */
export const ROLE_MEASURES: readonly Measure[] = [
  less('cpu-send-1', 'send, 1 stream', 'CPU s/GB'),
  less('cpu-receive-1', 'receive, 1 stream', 'CPU s/GB'),
  less('cpu-send-8', 'send, 8 streams', 'CPU s/GB'),
  less('cpu-receive-8', 'receive, 8 streams', 'CPU s/GB'),
  less('rss-idle', 'fresh', 'MiB'),
  less('rss-held', 'connections held', 'MiB'),
  less('rss-closed', 'closed again', 'MiB'),
  less('rss-end', 'after all loads', 'MiB'),
]

function more(id: string, title: string, unit: string): Measure {
  return { id, title, unit, isMoreBetter: true }
}

function less(id: string, title: string, unit: string): Measure {
  return { id, title, unit, isMoreBetter: false }
}
