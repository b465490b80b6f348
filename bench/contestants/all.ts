import type { Contestant } from '../contestant.ts'
import { plainContestant } from './plain.ts'
import { sshContestant } from './ssh.ts'
import { stunnelContestant } from './stunnel.ts'
import { ztmContestant } from './ztm.ts'
import { ztm2Contestant } from './ztm-2.ts'

/** All that can take part. @param peer  path of ZTM 2.0's binary; it does not take part without */
export function allContestants(peer: string | undefined): Contestant[] {
  return [
    plainContestant(),
    ztmContestant('relay'),
    ztmContestant('direct'),
    ztmContestant('punched'),
    ...(peer ? [ztm2Contestant(peer)] : []),
    sshContestant(),
    stunnelContestant(),
  ]
}
