import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import { type Cli, pathOf } from '../context.ts'
import { findAppFiles } from './app-files.ts'

/** `ztm app test [DIR]`: its tests, by Node's own runner, with `ztm/app` and `ztm/app/testing` to import. */
export async function testApp(cli: Cli, typed: string): Promise<void> {
  cli.deadlineMs = undefined
  const { app, testing } = findAppFiles().modules
  const modules = { 'ztm/app': pathToFileURL(app).href, 'ztm/app/testing': pathToFileURL(testing).href }
  const hook = `import { registerHooks } from 'node:module'
const modules = ${JSON.stringify(modules)}
registerHooks({ resolve: (name, context, next) =>
  Object.hasOwn(modules, name) ? { url: modules[name], shortCircuit: true } : next(name, context) })`
  const preload = `data:text/javascript,${encodeURIComponent(hook)}`
  const folder = pathOf(cli, typed)
  const { errors, output } = cli.world.console()
  // Of a runner that runs us: its own way to report is not that of ours.
  const { NODE_TEST_CONTEXT: _, ...env } = cli.world.env
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', `--import=${preload}`, '--test'],
    { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true },
  )
  child.stdout.pipe(output, { end: false })
  child.stderr.pipe(errors, { end: false })
  const [code] = (await once(child, 'close').catch(cause => {
    throw new MeshError('not-found', `Cannot test app in ${quote(folder)}: no such folder`, { cause })
  })) as [number | null]
  cli.exitCode = code ?? 1
}
