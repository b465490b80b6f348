// The gate: Biome, the three TypeScript worlds, the architecture test. Stops at the first that fails.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const bin = name => join('node_modules', '.bin', name)
const steps = [
  ['lint and format', bin('biome'), ['ci', '--error-on-warnings', '--reporter=summary', '.']],
  ['types, pure world', bin('tsc'), ['-p', 'tsconfig.pure.json']],
  ['types, node world', bin('tsc'), ['-p', 'tsconfig.node.json']],
  ...(existsSync('src/gui') ? [['types, web world', bin('tsc'), ['-p', 'tsconfig.web.json']]] : []),
  ['the house', process.execPath, ['--test', '--test-reporter=dot', 'src/architecture.test.ts']],
]
for (const [name, command, args] of steps) {
  const started = Date.now()
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  console.log(`check: ${name}: ${status === 0 ? 'ok' : 'FAILED'} (${Date.now() - started} ms)`)
  if (status !== 0) process.exit(1)
}
