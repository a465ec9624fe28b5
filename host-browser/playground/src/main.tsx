import { render } from 'preact';
import { App } from './app.tsx';
import './style/page.css';
import './style/controls.css';
import './style/parts.css';
import './style/lua.css';
import './style/query.css';

render(<App />, document.getElementById('app')!);
