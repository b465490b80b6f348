import { useQuery } from '@tanstack/react-query'
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
} from '@tanstack/react-router'
import { QUERIES } from './api/queries.ts'
import { parseFilesAddress } from './files/files-search.ts'
import { parseEndpointSearch, parseMapSearch } from './network/endpoint-search.ts'
import { EndpointPage } from './pages/endpoint-page.tsx'
import { EndpointsPage } from './pages/endpoints-page.tsx'
import { HubsPage } from './pages/hubs-page.tsx'
import { JoinPage } from './pages/join-page.tsx'
import { LogPage } from './pages/log-page.tsx'
import { MapPage } from './pages/map-page.tsx'
import { OverviewPage } from './pages/overview-page.tsx'
import { ServicesPage } from './pages/services-page.tsx'
import { TunnelsPage } from './pages/tunnels-page.tsx'
import { UsersPage } from './pages/users-page.tsx'
import { Loaded } from './parts/loaded.tsx'
import { PageFrame } from './parts/page-frame.tsx'
import { linkOfHash } from './start/permit-text.ts'

const root = createRootRoute({ component: PageFrame, notFoundComponent: First })
const mesh = createRoute({ getParentRoute: () => root, path: '/$mesh' })

const ControllerPage = lazyRouteComponent(() => import('./pages/controller-page.tsx'), 'ControllerPage')

const tree = root.addChildren([
  createRoute({ getParentRoute: () => root, path: '/', component: First }),
  createRoute({ getParentRoute: () => root, path: '/login', component: First }),
  createRoute({ getParentRoute: () => root, path: '/join', component: JoinPage }),
  createRoute({
    getParentRoute: () => root,
    path: '/start',
    component: lazyRouteComponent(() => import('./pages/start-page.tsx'), 'StartPage'),
  }),
  mesh.addChildren([
    createRoute({ getParentRoute: () => mesh, path: '/', component: OverviewPage }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/map',
      component: MapPage,
      validateSearch: parseMapSearch,
    }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/endpoints',
      component: EndpointsPage,
      validateSearch: parseEndpointSearch,
    }),
    createRoute({ getParentRoute: () => mesh, path: '/endpoints/$endpoint', component: EndpointPage }),
    createRoute({ getParentRoute: () => mesh, path: '/tunnels', component: TunnelsPage }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/proxy',
      component: lazyRouteComponent(() => import('./pages/proxy-page.tsx'), 'ProxyPage'),
    }),
    createRoute({ getParentRoute: () => mesh, path: '/services', component: ServicesPage }),
    createRoute({ getParentRoute: () => mesh, path: '/users', component: UsersPage }),
    createRoute({ getParentRoute: () => mesh, path: '/controller', component: ControllerPage }),
    createRoute({ getParentRoute: () => mesh, path: '/controller/$section', component: ControllerPage }),
    createRoute({ getParentRoute: () => mesh, path: '/controller/$section/$id', component: ControllerPage }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/files',
      component: lazyRouteComponent(() => import('./pages/files-page.tsx'), 'FilesPage'),
      validateSearch: parseFilesAddress,
    }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/terminal',
      component: lazyRouteComponent(() => import('./pages/terminal-page.tsx'), 'TerminalPage'),
    }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/scripts',
      component: lazyRouteComponent(() => import('./pages/script-page.tsx'), 'ScriptPage'),
    }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/apps',
      validateSearch: readPlace,
      component: lazyRouteComponent(() => import('./pages/apps-page.tsx'), 'AppsPage'),
    }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/apps/$provider/$app',
      validateSearch: readPlace,
      component: lazyRouteComponent(() => import('./pages/app-page.tsx'), 'AppPage'),
    }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/apps/$provider/$app/page',
      component: lazyRouteComponent(() => import('./pages/app-frame-page.tsx'), 'AppFramePage'),
    }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/traffic',
      component: lazyRouteComponent(() => import('./pages/traffic-page.tsx'), 'TrafficPage'),
    }),
    createRoute({
      getParentRoute: () => mesh,
      path: '/reach',
      component: lazyRouteComponent(() => import('./pages/reach-page.tsx'), 'ReachPage'),
    }),
    createRoute({ getParentRoute: () => mesh, path: '/hubs', component: HubsPage }),
    createRoute({ getParentRoute: () => mesh, path: '/log', component: LogPage }),
  ]),
])

/** Which page is at which path. */
export const router = createRouter({ routeTree: tree, defaultPreload: 'intent' })

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

/** The endpoint whose apps are meant; this one if absent. */
function readPlace({ at }: Readonly<Record<string, unknown>>): { readonly at?: string } {
  return typeof at === 'string' ? { at } : {}
}

/** The first mesh that is joined; the way to join one where there is none. */
function First() {
  const status = useQuery(QUERIES.status())
  // As `ztm gui LINK` opens it.
  const link = linkOfHash(location.hash)
  if (link !== '') return <Navigate to="/join" hash={link} replace />
  return (
    <Loaded query={status}>
      {({ meshes: [first] }) =>
        first === undefined ? (
          <Navigate to="/join" replace />
        ) : (
          <Navigate to="/$mesh" params={{ mesh: first.name }} replace />
        )
      }
    </Loaded>
  )
}
