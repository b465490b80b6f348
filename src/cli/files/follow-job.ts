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
  const ask = <R extends typeof FILES_API.showJob | typeof FILES_API.cancelJob>(route: R) =>
    callFiles(cli, mesh.name, route, { params } as never, {
      timeoutMs: DEFAULT_TIMEOUT_MS,
    }) as Promise<JobInfo>
  const bar = createProgressBar(cli, { job: started.id, kind: started.kind, path: started.path })
  let job = started
  let waitMs = FIRST_WAIT_MS
  try {
    while (job.endedAtMs === undefined) {
      await sleep(waitMs, undefined, { signal: interrupted }).catch(() => {})
      if (interrupted.aborted) {
        job = await ask(FILES_API.cancelJob)
        break
      }
      waitMs = Math.min(MAX_WAIT_MS, waitMs * 2)
      job = await ask(FILES_API.showJob)
      bar.show(job)
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

const FIRST_WAIT_MS = 20
const MAX_WAIT_MS = 250
