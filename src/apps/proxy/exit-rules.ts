import { finalRange, formatIp, innerIpv4, parseIp } from '../../core/model/ip-address.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import { parsePortSet, parseTargetPattern } from '../../core/model/target-pattern.ts'
import type { ExitRule, ExitSetting } from './messages.ts'

/** A connection that somebody wants to make through this exit. */
export interface Passage {
  readonly user: UserName
  /** The groups the user is in, now. Asked for only where a rule speaks of groups. */
  readonly groups: () => readonly Name[]
  /** As it was asked for: a name or an IP address. */
  readonly host: string
  /** What the name turned out to be. */
  readonly ip: string
  readonly port: number
}

/** What an exit lets through. */
export interface ExitRules {
  /** @returns why it may not pass, to follow "Cannot connect:"; undefined if it may */
  refusal(passage: Passage): string | undefined
}

/**
 * Make the rules of an exit ready to be asked.
 *
 * Addresses that lead to the exit's own computer or the networks around it are closed, also for its owner, but for what is
 * opened: by name, which lets that name lead there, or by address.
 *
 * @param isOwn  whether some of these public addresses are the exit's own, or of a network that it is in
 */
export function compileExitRules(
  { opens, rules }: Pick<ExitSetting, 'opens' | 'rules'>,
  isOwn: (addresses: readonly string[]) => boolean = () => false,
): ExitRules {
  const opened = opens.map(parseTargetPattern)
  const compiled = rules.map((rule, index) => ({
    rule,
    index,
    targets: rule.targets.map(parseTargetPattern),
    ports: parsePortSet(rule.ports),
  }))
  return {
    refusal({ user, groups, host, ip, port }) {
      const bytes = parseIp(ip)
      // An address with a zone is of this computer's own links.
      const range = bytes === undefined ? 'link-local' : finalRange(bytes)
      // One address has many spellings: a rule for 10.0.0.0/8 is for what a translator leads there, too.
      const inner = bytes && innerIpv4(bytes)
      const names = [host, ip, ...(inner === undefined ? [] : [formatIp(inner)])]
      const isOpened = opened.some(one => one.isExplicit && names.some(name => one.fits(name)))
      const place = range === 'public' ? (isOwn(names) ? OWN_NETWORK : undefined) : RANGES[range]
      if (place !== undefined && !isOpened) {
        return `${ip} is ${place} of the exit, and not open: its owner can open it (\`ztm proxy config --open\`)`
      }
      const found = compiled.find(
        one =>
          one.ports.has(port) &&
          one.targets.some(target => names.some(name => target.fits(name))) &&
          isFor(one.rule, user, groups),
      )
      return found?.rule.action === 'deny' ? `rule ${found.index} of the exit denies it` : undefined
    },
  }
}

function isFor(rule: ExitRule, user: UserName, groups: () => readonly Name[]): boolean {
  if (rule.users.includes(user)) return true
  if (rule.groups === undefined) return rule.users.length === 0
  return rule.groups.length > 0 && groups().some(group => rule.groups?.includes(group))
}

const OWN_NETWORK = 'an address or network'
const RANGES = {
  unspecified: 'no address',
  loopback: 'the computer itself',
  'link-local': 'on the link',
  private: 'in the private network',
  multicast: 'a multicast group',
  broadcast: 'a broadcast address',
} as const
