import { setTimeout as sleep } from 'node:timers/promises'
import { FILES_API, type JobInfo } from '../../apps/files/messages.ts'
import { MeshError, parseErrorBody } from '../../core/model/errors.ts'
import { type Cli, DEFAULT_TIMEOUT_MS } from '../context.ts'
import type { Place } from '../mesh-choice.ts'
import { createProgressBar } from '../output/progress-bar.ts'
import { remark } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { callFiles } from './files-place.ts'

/**
 * Watch a publication or download to its end, and show how far it is. It takes as long as it takes, unless a time limit was
 * given. Ctrl-C cancels it.
 *
 * @throws MeshError why it failed
 */
export async function followJob(cli: Cli, { mesh, endpoint }: Place, started: JobInfo): Promise<JobInfo> {
  if (cli.options.timeout === undefined) cli.deadlineMs = undefined
  const interrupted = cli.world.catchInterrupt()
  const params = { endpoint, job: started.id }
  const terms = { timeoutMs: DEFAULT_TIMEOUT_MS }
  const { name } = mesh
  const bar = createProgressBar(cli, { job: started.id, kind: started.kind, path: started.path })
  let job = started
  const interrupt = new Promise<void>(resolve => interrupted.addEventListener('abort', () => resolve()))
  try {
    while (job.endedAtMs === undefined) {
      // The answer comes at the end of it at once, and else when the bar has to go on.
      const askedAtMs = cli.world.clock.now()
      const asked = callFiles(cli, name, FILES_API.showJob, { params, query: { waitMs: SHOW_MS } }, terms)
      await Promise.race([asked, interrupt])
      if (interrupted.aborted) {
        asked.catch(() => {})
        job = await callFiles(cli, name, FILES_API.cancelJob, { params }, terms)
        break
      }
      job = await asked
      bar.show(job)
      // An endpoint of an older version answers at once.
      const tookMs = cli.world.clock.now() - askedAtMs
      if (job.endedAtMs === undefined && tookMs < SHOW_MS / 2)
        await sleep(SHOW_MS, undefined, { signal: interrupted }).catch(() => {})
    }
  } finally {
    bar.clear()
  }
  for (const path of job.skipped)
    remark(cli, `ztm: left out ${visible(path)}: a device, or a link that leads out`)
  if (job.state === 'done') return job
  const why = job.error && parseErrorBody(job.error)
  throw why ?? new MeshError('timed-out', `Cannot finish: the ${job.kind} was cancelled`)
}

const SHOW_MS = 250
