import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { COMMANDS } from './command-table.ts'
import { createCli } from './context.ts'
import { buildProgram } from './program.ts'
import { createRecordedWorld } from './recorded-world.ts'

/** Where the web page does what a command changes: a file below `src/gui`. */
const ON_THE_PAGE: Readonly<Record<string, string>> = {
  'start hub': 'start/hub-places.tsx',
  'start mesh': 'pages/start-page.tsx',
  'start app': 'pages/app-page.tsx',
  stop: 'pages/app-page.tsx',
  enable: 'pages/app-page.tsx',
  disable: 'pages/app-page.tsx',
  join: 'pages/join-page.tsx',
  invite: 'pages/users-page.tsx',
  evict: 'pages/users-page.tsx',
  'delete invitation': 'pages/invitations-section.tsx',
  'delete group': 'pages/groups-section.tsx',
  'delete identity': 'controller/entity-actions.tsx',
  'delete service': 'controller/entity-actions.tsx',
  'delete policy': 'controller/entity-actions.tsx',
  'delete signer': 'controller/entity-actions.tsx',
  'delete auth-policy': 'controller/entity-actions.tsx',
  'delete config': 'controller/entity-actions.tsx',
  'delete config-type': 'controller/entity-actions.tsx',
  'delete enrollment': 'controller/entity-actions.tsx',
  'delete authenticator': 'controller/entity-actions.tsx',
  leave: 'pages/overview-page.tsx',
  label: 'network/endpoint-changes.tsx',
  'delete ep': 'network/endpoint-changes.tsx',
  'delete hub': 'pages/hubs-page.tsx',
  'drain hub': 'pages/hubs-page.tsx',
  'delete edge-router': 'controller/entity-actions.tsx',
  'delete edge-router-policy': 'controller/entity-actions.tsx',
  'delete service-edge-router-policy': 'controller/entity-actions.tsx',
  'delete terminator': 'controller/entity-actions.tsx',
  'delete session': 'controller/entity-actions.tsx',
  'delete api-session': 'controller/entity-actions.tsx',
  'create identity': 'controller/entity-form.tsx',
  'create service': 'controller/entity-form.tsx',
  'create policy': 'controller/entity-form.tsx',
  'create edge-router-policy': 'controller/entity-form.tsx',
  'create service-edge-router-policy': 'controller/entity-form.tsx',
  'create signer': 'controller/entity-form.tsx',
  'create auth-policy': 'controller/entity-form.tsx',
  'create config': 'controller/entity-form.tsx',
  'create config-type': 'controller/entity-form.tsx',
  'create enrollment': 'controller/enrolment-token.tsx',
  'create authenticator': 'controller/password-form.tsx',
  'create terminator': 'controller/plan-host-form.tsx',
  'create group': 'pages/groups-section.tsx',
  'update identity': 'controller/entity-form.tsx',
  'update service': 'controller/entity-form.tsx',
  'update policy': 'controller/entity-form.tsx',
  'update edge-router-policy': 'controller/entity-form.tsx',
  'update service-edge-router-policy': 'controller/entity-form.tsx',
  'update edge-router': 'controller/entity-form.tsx',
  'update signer': 'controller/entity-form.tsx',
  'update auth-policy': 'controller/entity-form.tsx',
  'update config': 'controller/entity-form.tsx',
  'update config-type': 'controller/entity-form.tsx',
  'update terminator': 'controller/entity-form.tsx',
  'update authenticator': 'controller/password-form.tsx',
  'update group': 'pages/groups-section.tsx',
  'update user': 'pages/users-page.tsx',
  'update app': 'apps/install-dialog.tsx',
  apply: 'controller/network-section.tsx',
  'tunnel open inbound': 'tunnels/tunnel-form.tsx',
  'tunnel open outbound': 'tunnels/outbound-form.tsx',
  'tunnel close': 'tunnels/tunnel-actions.tsx',
  'tunnel pause': 'tunnels/tunnel-actions.tsx',
  'tunnel resume': 'tunnels/tunnel-actions.tsx',
  'proxy config': 'proxy/proxy-entry.tsx',
  'proxy rules add': 'proxy/proxy-rules.tsx',
  'proxy rules move': 'proxy/proxy-rules.tsx',
  'proxy rules delete': 'proxy/proxy-rules.tsx',
  'script kill': 'script/script-history.tsx',
  'script config': 'script/script-grants.tsx',
  'terminal open': 'pages/terminal-page.tsx',
  'terminal attach': 'terminal/session-list.tsx',
  'terminal close': 'terminal/session-list.tsx',
  'terminal share': 'terminal/session-list.tsx',
  'terminal erase': 'terminal/recording-list.tsx',
  'terminal config': 'terminal/terminal-settings.tsx',
  'file publish': 'files/upload-form.tsx',
  'file share': 'files/item-forms.tsx',
  'file unpublish': 'files/item-forms.tsx',
  'file erase': 'files/item-forms.tsx',
  'file get': 'files/item-forms.tsx',
  'file cancel': 'files/transfers-section.tsx',
  'file pause': 'files/transfers-section.tsx',
  'file resume': 'files/transfers-section.tsx',
  'file transfers': 'files/transfers-section.tsx',
  'file config': 'files/transfers-section.tsx',
  'file cp': 'files/upload-form.tsx',
  'file mkdir': 'files/disk-forms.tsx',
  'file rename': 'files/disk-forms.tsx',
  'file rm': 'files/disk-forms.tsx',
  'file mirror': 'files/mirrors-section.tsx',
  'file grant': 'files/grants-section.tsx',
  'install app': 'apps/install-dialog.tsx',
  'rollback app': 'pages/app-page.tsx',
  'erase app': 'pages/app-page.tsx',
  'publish app': 'apps/publish-form.tsx',
  'unpublish app': 'apps/app-releases.tsx',
  'app settings': 'apps/app-settings-section.tsx',
}

/** What changes something and is for the command line alone, and why. */
const NOT_ON_THE_PAGE: Readonly<Record<string, string>> = {
  'start agent': 'without an agent there is no page',
  'start gateway': 'a service of the system, set up by who administers the computer',
  'run hub': 'a program in the foreground of a terminal',
  'run agent': 'without an agent there is no page',
  'run gateway': 'a program in the foreground of a terminal',
  'create hub': 'the permit goes to another computer, where the next step is a command',
  permit: 'writes a file of secrets to a disk of the computer',
  identity: 'writes a key file to a disk of the computer',
  'policy test': 'changes nothing; the page has an advisor',
  'publisher export': 'writes the secret key of a publisher to a file',
  'publisher import': 'reads the secret key of a publisher from a file',
  'app init': 'for who develops an app, in an editor',
  'app dev': 'for who develops an app, in an editor',
  'app test': 'for who develops an app, in an editor',
  'app run': 'a command of an app is typed; its page is in the web page',
  config: 'which agent the command line itself speaks to',
  completion: 'of the shell',
  gui: 'opens the page',
  'file serve': 'a program in the foreground of a terminal, for the file manager of this computer',
  'tunnel identity': 'keys are turned by who runs targets that check them; the page may follow',
}

/** Commands that only look, or are another spelling of one above. */
const LOOKING =
  /^(?:status|doctor|log|get|describe|ping|reach|top|export|version|users list|users group|billing (?:report|status)|tunnel (?:get|describe|ports|log)|proxy test|script (?:get|history)|terminal (?:get|show|history|play|recordings|fetch)|file (?:ls|cat|find|describe|held|jobs|versions)|cloud \w+|(?:erase|download|publish|unpublish) file|download app)$/

async function allCommands(): Promise<string[]> {
  const { world } = createRecordedWorld({ folder: '/nowhere' })
  const found: string[] = []
  for (const entry of COMMANDS) {
    if (entry.isHidden) continue
    const { root } = await buildProgram([entry.name], createCli(world, COMMANDS))
    const walk = (command: Command, words: readonly string[]) => {
      if (command.commands.length === 0) found.push(words.join(' '))
      for (const inner of command.commands) walk(inner, [...words, inner.name()])
    }
    for (const top of root.commands) if (top.name() === entry.name) walk(top, [entry.name])
  }
  return found
}

test('every command that changes something is done by a page, or says why not', async () => {
  const gui = join(import.meta.dirname, '../gui')
  const commands = await allCommands()
  const known = [ON_THE_PAGE, NOT_ON_THE_PAGE].flatMap(table => Object.keys(table))
  const isKnown = (words: string) => LOOKING.test(words) || known.includes(words)
  assert.deepEqual(
    commands.filter(words => !isKnown(words)),
    [],
    'neither on the page nor with a reason',
  )
  assert.deepEqual(
    known.filter(words => !commands.includes(words)),
    [],
    'no commands',
  )
  for (const [words, file] of Object.entries(ON_THE_PAGE))
    assert.ok(existsSync(join(gui, file)), `${words}: ${file} is not there`)
})
