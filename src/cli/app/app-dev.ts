import { createInterface } from 'node:readline'
import { type DevLine, devLineShape } from '../../core/app/dev-messages.ts'
import { MeshError } from '../../core/model/errors.ts'
import { openLocalStream } from '../../net/open-local-stream.ts'
import { agentPlace } from '../api-client.ts'
import { type Cli, pathOf, refuseEndpoint, remainingMs } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { visible } from '../output/text-width.ts'

/** `ztm app dev [DIR]`: run an app in the agent here until Ctrl-C, again after each change, with its log. */
export async function developApp(cli: Cli, typed: string): Promise<void> {
  refuseEndpoint(cli, 'run an app from a folder')
  const { mesh } = await choosePlace(cli)
  const path = `/api/meshes/${encodeURIComponent(mesh.name)}/apps/ztm/dev/stream`
  const stream = await openLocalStream(await agentPlace(cli), path, remainingMs(cli))
  cli.deadlineMs = undefined
  const stopped = cli.world.catchInterrupt()
  stopped.addEventListener('abort', () => stream.destroy(), { once: true })
  stream.write(`${JSON.stringify({ folder: pathOf(cli, typed) })}\n`)
  const lines = createInterface({ input: stream })
  // Also when it breaks: then no end comes.
  stream.once('close', () => lines.close())
  for await (const text of lines) {
    const line = devLineShape.safeParse(JSON.parse(text))
    if (!line.success) throw new MeshError('bad-message', 'Cannot read what the agent says: another version?')
    const shown = cli.options.output === 'json' ? JSON.stringify(line.data) : describe(line.data)
    cli.world.stdout.write(`${shown}\n`)
  }
  if (!stopped.aborted) cli.exitCode = 5
}

function describe(line: DevLine): string {
  switch (line.say) {
    case 'running': {
      const may = line.grants.length === 0 ? ['nothing beside its own'] : line.grants
      const walls = line.walls === 'kernel' ? 'walled in by the kernel' : 'walled in by Node alone'
      return visible(`${line.app} ${line.version} runs, ${walls}; it may ${may.join('; ')}`).concat(
        `\n${line.url}`,
      )
    }
    case 'log': {
      const { text, ...fields } = line.fields
      const rest = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`)
      const words = typeof text === 'string' ? text : line.event
      return visible(`${line.level.padEnd(5)} ${[words, ...rest].join(' ')}`)
    }
    case 'changed':
      return visible(`changed: ${line.path || 'the folder'}: starting again`)
    case 'failed':
      return visible(`failed: ${line.error}`)
  }
}
