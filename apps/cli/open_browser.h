// SPDX-License-Identifier: Apache-2.0
// Shows an address in the user's browser.
#pragma once

#include <string>

namespace thimble::cli {

// Whether somebody sits before a screen here: a display, and a terminal that the program was started from.
bool CanOpenBrowser();

// Asks the desktop to show `url` (xdg-open, or open on macOS), and does not wait for it. The child has no file of ours.
// Before threads and the sandbox. False: there is nothing here that opens addresses.
bool OpenBrowser(const std::string& url);

}  // namespace thimble::cli
