import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import {
  type AgentWords,
  addAgentOptions,
  addHubOptions,
  agentArguments,
  type HubWords,
  hubArguments,
} from './daemon-options.ts'

function parseHub(words: readonly string[]): HubWords {
  const command = new Command().exitOverride().configureOutput({ outputError: () => {} })
  addHubOptions(command)
  return command.parse([...words], { from: 'user' }).opts<HubWords>()
}

function parseAgent(words: readonly string[]): AgentWords {
  const command = new Command().exitOverride().configureOutput({ outputError: () => {} })
  addAgentOptions(command)
  return command.parse([...words], { from: 'user' }).opts<AgentWords>()
}

test('the options of a hub have defaults, and are parsed', () => {
  assert.deepEqual({ ...parseHub([]) }, { listen: { host: '0.0.0.0', port: 8_888 }, logLevel: 'info' })
  assert.deepEqual(
    { ...parseHub(['-l', '[::]:9', '-n', 'a.example:1', '[::1]:2', '--max-agents=7']) },
    {
      listen: { host: '::', port: 9 },
      names: ['a.example:1', '[::1]:2'],
      maxAgents: 7,
      logLevel: 'info',
    },
  )
})

test('the options of an agent have defaults, and can switch the page off', () => {
  assert.deepEqual({ ...parseAgent([]) }, { listen: { host: '127.0.0.1', port: 7_777 }, logLevel: 'info' })
  assert.equal(parseAgent(['--listen', 'off']).listen, 'off')
})

test('addresses that are none are refused', () => {
  for (const words of [
    ['-l', 'x'],
    ['-n', '8888'],
    ['-n', 'a:0'],
    ['--metrics', '99999'],
    ['--max-agents', '-1'],
  ]) {
    assert.throws(
      () => parseHub(words),
      { code: /commander\.invalidArgument|commander\.optionMissingArgument/ },
      words.join(' '),
    )
  }
})

test('what a service is started with means what was typed', () => {
  for (const words of [
    [],
    [
      '--listen',
      '1.2.3.4:5',
      '--names',
      'a.example:1',
      'b.example:2',
      '--metrics',
      '9100',
      '--log-level',
      'debug',
    ],
    [
      '--max-agents=1',
      '--max-relays=2',
      '--max-relay-mbps=3',
      '--max-relay-mbps-per-user=4',
      '--workers=0',
      '--forbid-direct',
      '--issuer-reach=computer',
    ],
    [
      '--commerce-url=https://api.example/commerce',
      '--commerce-token-file=/etc/commerce.token',
      '--billing-recheck=60',
      '--billing-unit=cents',
    ],
  ]) {
    assert.deepEqual(parseHub(hubArguments(parseHub(words))), parseHub(words))
  }
  for (const words of [
    [],
    ['--listen', 'off'],
    ['--listen', '[::1]:7', '--metrics=[::1]:9', '--log-level=error'],
    ['--path', 'direct', 'relay', '--peer-port', '7780', '--advertise', '203.0.113.7:1', '[2001:db8::1]:2'],
    ['--port-mapping', 'on'],
  ]) {
    assert.deepEqual(parseAgent(agentArguments(parseAgent(words))), parseAgent(words))
  }
  assert.deepEqual(hubArguments(parseHub([])), [])
})
