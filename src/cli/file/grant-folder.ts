import type { Grants } from '../../apps/sync/messages.ts'
import type { Name, UserName } from '../../core/model/names.ts'
import { type Cli, pathOf } from '../context.ts'
import { choosePlace } from '../mesh-choice.ts'
import { showList } from '../output/show.ts'
import { callSync } from './sync-place.ts'

/** What `file grant` was told. */
export interface GrantWords {
  readonly user?: readonly string[]
  readonly group?: readonly string[]
  readonly write?: boolean
  readonly remove?: boolean
}

/** `ztm file grant [FOLDER]` */
export async function grantFolder(cli: Cli, typed: string | undefined, words: GrantWords): Promise<void> {
  const { mesh, endpoint, isChosen } = await choosePlace(cli)
  const params = { endpoint }
  let answer: Grants
  if (typed === undefined) answer = await callSync(cli, mesh.name, 'listGrants', { params })
  else {
    const folder = isChosen ? typed : pathOf(cli, typed)
    if (words.remove === true)
      answer = await callSync(cli, mesh.name, 'deleteGrant', { params, body: { folder } })
    else {
      const users = [...(words.user ?? [])] as UserName[]
      const groups = [...(words.group ?? [])] as Name[]
      const body = { folder, users, groups, mayWrite: words.write === true }
      answer = await callSync(cli, mesh.name, 'putGrant', { params, body })
    }
  }
  await showList(cli, answer.grants, {
    nameOf: ({ folder }) => folder,
    columns: [
      { title: 'FOLDER', cell: ({ folder }) => folder },
      { title: 'MAY', cell: ({ mayWrite }) => (mayWrite ? 'read and write' : 'read') },
      { title: 'USERS', cell: ({ users }) => users.join(', ') || '-' },
      { title: 'GROUPS', cell: ({ groups }) => groups.join(', ') || '-' },
    ],
  })
}
