import type { EntryRule, ExitRef, ExitRule, ProxyConfig } from '../../apps/proxy/messages.ts'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { MeshError } from '../../core/model/errors.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import { callAgent } from '../api-client.ts'
import type { Cli } from '../context.ts'
import { report, showList } from '../output/show.ts'
import { visible } from '../output/text-width.ts'
import { changeProxy, chooseProxy, type ProxyPlace } from './proxy-place.ts'

/** What `proxy rules add` was told. */
export interface RuleWords {
  readonly ports: string
  readonly exits?: readonly string[]
  readonly direct?: boolean
  readonly deny?: boolean
  readonly allow?: boolean
  readonly clients?: readonly string[]
  readonly users?: readonly string[]
  readonly groups?: readonly string[]
  readonly insert?: string
  /** A rule of the exit, whatever else is said. */
  readonly exit?: true
}

/** `ztm proxy rules`: those of the entry, then those of the exit. */
export async function listRules(cli: Cli): Promise<void> {
  const { config } = await chooseProxy(cli)
  const entry = config.rules.map((rule, index) => ({ at: 'entry', index, ...rule, for: rule.clients }))
  const exit = (config.exit?.rules ?? []).map((rule, index) => ({
    at: 'exit',
    index,
    ...rule,
    exits: [],
    for: [...rule.users, ...(rule.groups ?? []).map(group => `group ${group}`)],
  }))
  await showList<(typeof entry)[number] | (typeof exit)[number]>(cli, [...entry, ...exit], {
    nameOf: rule => `${rule.at} ${rule.index}`,
    columns: [
      { title: 'AT', cell: rule => rule.at },
      { title: 'NUMBER', cell: rule => rule.index },
      { title: 'TARGETS', cell: rule => rule.targets.join(',') },
      { title: 'PORTS', cell: rule => rule.ports },
      {
        title: 'FOR',
        cell: rule => rule.for.join(',') || ('groups' in rule && rule.groups ? '(nobody)' : '(all)'),
      },
      { title: 'ACTION', cell: rule => rule.action, tone: rule => (rule.action === 'deny' ? 'bad' : 'good') },
      {
        title: 'EXITS',
        cell: rule => (rule.action === 'exit' ? rule.exits.map(exit => exit.name).join(',') || '(own)' : ''),
      },
    ],
  })
}

/** `ztm proxy rules add TARGET… [--exits …]`; `--exit`, `--allow`, `--users` and `--groups` make it a rule of the exit. */
export async function addRule(cli: Cli, targets: readonly string[], words: RuleWords): Promise<void> {
  const place = await chooseProxy(cli)
  const isExitRule = [words.exit, words.allow, words.users, words.groups].some(word => word !== undefined)
  const chosen = [words.direct, words.deny, words.allow, words.exits && true].filter(Boolean)
  if (chosen.length > 1)
    throw new MeshError('bad-usage', 'Cannot add rule: one of --exits, --direct, --deny, --allow')
  if (isExitRule && (words.direct || words.exits !== undefined))
    throw new MeshError('bad-usage', 'Cannot add rule: a rule of the exit allows or denies')
  const base = { targets: [...targets], ports: words.ports }
  let number: number
  if (isExitRule) {
    const users = (words.users ?? []) as UserName[]
    const groups = words.groups && { groups: [...words.groups] as Name[] }
    const rule: ExitRule = { ...base, users, ...groups, action: words.deny ? 'deny' : 'allow' }
    const rules = insert(requireExit(place.config).rules, rule, words.insert)
    number = rules.indexOf(rule)
    await changeProxy(cli, place, { exit: { rules } })
  } else {
    const exits = await resolveExits(cli, place, words.exits ?? [])
    const action = words.deny ? 'deny' : words.direct ? 'direct' : 'exit'
    const rule: EntryRule = { ...base, clients: [...(words.clients ?? [])], action, exits }
    const rules = insert(place.config.rules, rule, words.insert)
    number = rules.indexOf(rule)
    await changeProxy(cli, place, { rules })
  }
  const kind = isExitRule ? 'exit' : 'entry'
  const text = `Rule ${number} of the ${kind} is for ${visible(targets.join(', '))}`
  await report(cli, text, { name: `${kind} ${number}`, data: { at: kind, number } })
}

/** `ztm proxy rules move NUMBER TO [--exit]` */
export async function moveRule(
  cli: Cli,
  typed: string,
  to: string,
  { exit }: { readonly exit?: boolean },
): Promise<void> {
  const place = await chooseProxy(cli)
  const rules: readonly (EntryRule | ExitRule)[] = exit ? requireExit(place.config).rules : place.config.rules
  const [from, before] = [findRule(rules, typed), findRule(rules, to)]
  const left = rules.filter((_, index) => index !== from)
  const changed = [...left.slice(0, before), ...rules.slice(from, from + 1), ...left.slice(before)]
  await changeProxy(
    cli,
    place,
    exit ? { exit: { rules: changed as ExitRule[] } } : { rules: changed as EntryRule[] },
  )
  const kind = exit ? 'exit' : 'entry'
  await report(cli, `Rule ${from} of the ${kind} is number ${before} now`, {
    name: `${kind} ${before}`,
    data: { at: kind, number: before },
  })
}

/** `ztm proxy rules delete NUMBER [--exit]` */
export async function deleteRule(
  cli: Cli,
  typed: string,
  { exit }: { readonly exit?: boolean },
): Promise<void> {
  const place = await chooseProxy(cli)
  const rules = exit ? requireExit(place.config).rules : place.config.rules
  const number = findRule(rules, typed)
  const left = rules.filter((_, index) => index !== number)
  await changeProxy(
    cli,
    place,
    exit ? { exit: { rules: left as ExitRule[] } } : { rules: left as EntryRule[] },
  )
  const kind = exit ? 'exit' : 'entry'
  await report(cli, `Rule ${number} of the ${kind} is gone`, {
    name: `${kind} ${number}`,
    data: { at: kind, number },
  })
}

function findRule(rules: readonly unknown[], typed: string): number {
  const number = Number(typed)
  if (/^\d+$/.test(typed) && number < rules.length) return number
  throw new MeshError(
    'not-found',
    `Cannot find rule ${JSON.stringify(typed)}: see \`ztm proxy rules\` for numbers`,
  )
}

function requireExit({ exit }: ProxyConfig): NonNullable<ProxyConfig['exit']> {
  if (exit !== undefined) return exit
  throw new MeshError(
    'not-found',
    'Cannot change rules of the exit: it is none: make it one with `ztm proxy config --exit on`',
  )
}

function insert<T>(rules: readonly T[], rule: T, typed: string | undefined): T[] {
  const at = typed === undefined ? rules.length : Number(typed)
  if (!Number.isInteger(at) || at < 0 || at > rules.length) {
    throw new MeshError(
      'bad-input',
      `Cannot insert rule at ${JSON.stringify(typed)}: from 0 to ${rules.length}`,
    )
  }
  return [...rules.slice(0, at), rule, ...rules.slice(at)]
}

async function resolveExits(cli: Cli, { mesh }: ProxyPlace, words: readonly string[]): Promise<ExitRef[]> {
  return Promise.all(
    words.map(async endpoint => {
      const { id, name, user } = await callAgent(cli, AGENT_API.showEndpoint, {
        params: { mesh: mesh.name, endpoint },
      })
      return { id, name, user }
    }),
  )
}
