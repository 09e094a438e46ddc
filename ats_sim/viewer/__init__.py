"""Walking through a home in a browser: the same world and the same keys as in the window, on this machine only.

`/` shows pictures that the server draws. `/vr` draws by itself, for headsets and for good graphics cards. Browsers let
pages use headsets (WebXR) where they come over https, or from 127.0.0.1 or localhost, as here: so it works with those
that are tethered to this computer, and in a standalone headset's own browser through `adb reverse tcp:PORT tcp:PORT`.
"""
