// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.ContentProvider;
import android.content.ContentValues;
import android.content.Context;
import android.database.Cursor;
import android.net.Uri;
import android.os.ParcelFileDescriptor;
import java.io.File;
import java.io.FileNotFoundException;

/**
 * Lends one file to the camera app, which writes its photograph there: so this app needs no permission for the camera. Only who was
 * granted the address gets at it (android:exported is false), and there is no other file.
 */
public final class CameraProvider extends ContentProvider {
  private static final String PATH = "/photo.jpg";

  static Uri address(Context context) {
    return Uri.parse("content://" + context.getPackageName() + ".camera" + PATH);
  }

  static File photo(Context context) {
    return new File(context.getCacheDir(), "photo.jpg");
  }

  @Override
  public boolean onCreate() {
    return true;
  }

  @Override
  public ParcelFileDescriptor openFile(Uri uri, String mode) throws FileNotFoundException {
    if (getContext() == null || !PATH.equals(uri.getPath())) throw new FileNotFoundException();
    return ParcelFileDescriptor.open(photo(getContext()), ParcelFileDescriptor.parseMode(mode));
  }

  @Override
  public String getType(Uri uri) {
    return PATH.equals(uri.getPath()) ? "image/jpeg" : null;
  }

  @Override
  public Cursor query(Uri uri, String[] columns, String selection, String[] values, String order) {
    return null;
  }

  @Override
  public Uri insert(Uri uri, ContentValues values) {
    throw new UnsupportedOperationException();
  }

  @Override
  public int delete(Uri uri, String selection, String[] values) {
    return 0;
  }

  @Override
  public int update(Uri uri, ContentValues values, String selection, String[] given) {
    return 0;
  }
}
