@"%~dp0python.exe" -m blast_cli %*
