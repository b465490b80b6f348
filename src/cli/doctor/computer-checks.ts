import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { toMeshError } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'
import { detectServiceManager } from '../daemon/service-manager.ts'
import { moment } from '../output/words.ts'
import { serviceState } from '../service-state.ts'
import { type Finding, faulty, fine, skipped } from './faults.ts'

/** Node, clock, limits and environment of this computer. @param pid  of the agent or hub, if one runs */
export async function checkComputer(cli: Cli, pid: number | undefined): Promise<Finding[]> {
  return [checkNode(process.versions.node), checkClock(cli), await checkFileLimit(cli, pid), checkProxy(cli)]
}

/** Whether the version of Node is one we run on. */
export function checkNode(version: string): Finding {
  const major = Number.parseInt(version, 10)
  return major < 24 ? faulty('Node', 'node-old', `it is ${version}`) : fine('Node', version)
}

/** The unit that runs a daemon, if it is a service. */
export async function checkService(cli: Cli, role: 'agent' | 'hub'): Promise<Finding> {
  const check = `${role} service`
  const { system } = cli.world
  const machine = await system.machine()
  try {
    const tools = {
      manager: detectServiceManager(role, machine),
      machine,
      run: system.run,
      root: system.root,
    }
    const state = await serviceState(role, tools)
    if (state === undefined) return skipped(check, 'it is not installed as a service')
    if (state.isFailed) return faulty(check, 'service-failed', state.text, { role })
    if (!state.isEnabled) return faulty(check, 'service-disabled', state.text, { role })
    return fine(check, state.text)
  } catch (thrown) {
    return skipped(check, toMeshError(thrown).message)
  }
}

/** Without a hub to compare with, only a clock that was never set can be told. */
function checkClock(cli: Cli): Finding {
  const now = cli.world.clock.now()
  const detail = `it is ${moment(now)}`
  return now < EARLIEST_MS ? faulty('clock', 'clock-unset', detail) : fine('clock', detail)
}

async function checkFileLimit(cli: Cli, pid: number | undefined): Promise<Finding> {
  const check = 'open files limit'
  const limit = pid === undefined ? shellLimit(cli) : await processLimit(pid)
  if (limit === undefined) return skipped(check, 'it cannot be read on this system')
  const detail = `${limit}${pid === undefined ? ' in this shell' : ` for process ${pid}`}`
  return limit < LOW_FILE_LIMIT ? faulty(check, 'files-limit-low', detail) : fine(check, detail)
}

/** What a daemon has: Node raises its own limit as far as the hard one allows. */
async function processLimit(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/limits`, 'utf8').catch(() => '')
  return readLimit(/^Max open files\s+(\S+)/m.exec(text)?.[1])
}

/** What a daemon started from here could have. */
function shellLimit({ world }: Cli): number | undefined {
  if (world.platform === 'win32') return undefined
  try {
    return readLimit(
      execFileSync('/bin/sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8', timeout: 1_000 }).trim(),
    )
  } catch {
    return undefined
  }
}

function readLimit(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text) || undefined
}

function checkProxy({ world }: Cli): Finding {
  const set = PROXY_NAMES.flatMap(name => [name, name.toLowerCase()]).filter(name => world.env[name])
  if (set.length === 0) return fine('proxy', 'none is set')
  return faulty('proxy', 'proxy-set', `${set.join(', ')} ${set.length === 1 ? 'is' : 'are'} set`)
}

const PROXY_NAMES = ['HTTPS_PROXY', 'ALL_PROXY', 'HTTP_PROXY']
/** Each tunnelled connection takes two; 1,000 connections and the rest fit. */
const LOW_FILE_LIMIT = 4_096
/** Before this program was written: 2026-01-01. */
const EARLIEST_MS = 1_767_225_600_000
