import { versionText } from '../cli/version.ts'

const typed = process.argv.slice(2)
const version = versionText(typed)
if (version !== undefined) process.stdout.write(`${version}\n`)
else if (typed[0] === 'relay-worker' && process.send !== undefined) {
  const { beRelayWorker } = await import('./relay-worker.ts')
  await beRelayWorker()
} else {
  const { runInTerminal } = await import('./terminal.ts')
  await runInTerminal(typed)
}
