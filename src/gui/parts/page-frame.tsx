import {
  ActionIcon,
  Alert,
  AppShell,
  Burger,
  Button,
  Group,
  NavLink,
  Select,
  Text,
  useMantineColorScheme,
} from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useParams, useRouterState } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { followChanges } from '../api/live.ts'
import { logOut } from '../api/login.ts'
import { QUERIES } from '../api/queries.ts'
import { LANGUAGES, type Language, useTexts } from '../texts/texts.ts'

const PAGES = [
  ['/$mesh', 'overview.title'],
  ['/$mesh/map', 'map.title'],
  ['/$mesh/endpoints', 'endpoints.title'],
  ['/$mesh/traffic', 'traffic.title'],
  ['/$mesh/reach', 'reach.title'],
  ['/$mesh/tunnels', 'tunnels.title'],
  ['/$mesh/proxy', 'proxy.title'],
  ['/$mesh/files', 'files.title'],
  ['/$mesh/terminal', 'terminal.title'],
  ['/$mesh/apps', 'apps.title'],
  ['/$mesh/scripts', 'script.title'],
  ['/$mesh/services', 'services.title'],
  ['/$mesh/users', 'users.title'],
  ['/$mesh/controller', 'controller.title'],
  ['/$mesh/hubs', 'hubs.title'],
  ['/$mesh/log', 'log.title'],
] as const

/** What stands around every page: the meshes, the pages of one, language, light or dark, and whether the agent is reached. */
export function PageFrame() {
  const { say } = useTexts()
  const queries = useQueryClient()
  const [isReached, setReached] = useState(true)
  const [isOpen, { toggle, close }] = useDisclosure()
  useEffect(() => followChanges(queries, setReached), [queries])
  return (
    <AppShell
      header={{ height: 56 }}
      navbar={{ width: 220, breakpoint: 'sm', collapsed: { mobile: !isOpen } }}
      padding="md"
    >
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group wrap="nowrap" gap="xs">
            <Burger opened={isOpen} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={say('menu')} />
            <Text fw={700}>ZTM</Text>
          </Group>
          <Settings />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={say('menu')} style={{ overflowY: 'auto' }}>
        <Menu onChosen={close} />
      </AppShell.Navbar>
      <AppShell.Main>
        {!isReached && (
          <Alert color="orange" role="status" mb="md">
            {say('live.lost')}
          </Alert>
        )}
        <Outlet />
      </AppShell.Main>
    </AppShell>
  )
}

function Menu({ onChosen }: { onChosen: () => void }) {
  const { say } = useTexts()
  const navigate = useNavigate()
  const { data } = useQuery(QUERIES.status())
  const { mesh } = useParams({ strict: false })
  const path = useRouterState({ select: state => state.location.pathname })
  const names = data?.meshes.map(({ name }) => name) ?? []
  return (
    <>
      {names.length > 0 && (
        <Select
          label={say('mesh.choose')}
          data={names}
          value={mesh ?? null}
          allowDeselect={false}
          onChange={name => void (name !== null && navigate({ to: '/$mesh', params: { mesh: name } }))}
          mb="sm"
        />
      )}
      {mesh !== undefined &&
        PAGES.map(([to, title]) => {
          const at = to.replace('$mesh', encodeURIComponent(mesh))
          const isHere = path === at || (to !== '/$mesh' && path.startsWith(`${at}/`))
          return (
            <NavLink
              key={to}
              label={say(title)}
              active={isHere}
              variant="filled"
              aria-current={isHere ? 'page' : undefined}
              onClick={onChosen}
              renderRoot={props => (
                <Link {...props} to={to} params={{ mesh }} activeOptions={{ exact: true }} />
              )}
            />
          )
        })}
      <NavLink
        label={say('join.title')}
        active={path === '/join'}
        variant="filled"
        onClick={onChosen}
        renderRoot={props => <Link {...props} to="/join" />}
      />
    </>
  )
}

function Settings() {
  const { say, language, setLanguage } = useTexts()
  const { toggleColorScheme } = useMantineColorScheme()
  return (
    <Group gap="xs" wrap="nowrap">
      <Select
        aria-label={say('language')}
        data={Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))}
        value={language}
        onChange={value => setLanguage((value ?? 'en') as Language)}
        allowDeselect={false}
        w={110}
        size="xs"
      />
      <ActionIcon variant="default" aria-label={say('theme')} onClick={toggleColorScheme}>
        ◐
      </ActionIcon>
      <Button
        size="xs"
        variant="default"
        visibleFrom="sm"
        onClick={() => void logOut().then(() => location.assign('/'))}
      >
        {say('logout')}
      </Button>
    </Group>
  )
}
