// The code of docs/integrate/by-hand.md and go.md: every published vector, and a sale at a live server.

package keysat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEveryPublishedVector(t *testing.T) {
	var vectors struct {
		PEM  string `json:"public_key_pem"`
		Keys []struct {
			Name, Key, Fingerprint string
			Payload                struct {
				ProductID    string `json:"product_id"`
				ExpiresAt    int64  `json:"expires_at"`
				Entitlements []string
			}
		}
		Rejected []struct{ Why, Key string }
	}
	raw, err := os.ReadFile(os.Getenv("KEYSAT_VECTORS"))
	if err != nil || json.Unmarshal(raw, &vectors) != nil {
		t.Fatal(err)
	}
	public, err := PublicKey(vectors.PEM)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_001, 0)
	for _, one := range vectors.Keys {
		for _, key := range []string{one.Key, " \n" + one.Key[:4] + strings.ToLower(one.Key[4:]) + "\t"} {
			got, err := Verify(key, public, one.Payload.ProductID, now, one.Fingerprint)
			if err != nil || !slices.Equal(got, one.Payload.Entitlements) {
				t.Errorf("%s: %v %v", one.Name, got, err)
			}
		}
		if _, err := Verify(one.Key, public, "another", now, one.Fingerprint); err != ErrProductMismatch {
			t.Errorf("%s for another product: %v", one.Name, err)
		}
		over := time.Unix(one.Payload.ExpiresAt, 0)
		if _, err := Verify(one.Key, public, one.Payload.ProductID, over, one.Fingerprint); one.Payload.ExpiresAt != 0 && err != ErrExpired {
			t.Errorf("%s at its end: %v", one.Name, err)
		}
		if _, err := Verify(one.Key, public, one.Payload.ProductID, now, "elsewhere"); one.Fingerprint != "" && err != ErrFingerprintMismatch {
			t.Errorf("%s on another machine: %v", one.Name, err)
		}
	}
	for _, one := range vectors.Rejected {
		if _, err := Verify(one.Key, public, vectors.Keys[0].Payload.ProductID, now, ""); err != ErrBadFormat {
			t.Errorf("%s: %v", one.Why, err)
		}
	}
	t.Logf("%d keys taken, %d refused", len(vectors.Keys), len(vectors.Rejected))
}

func TestASaleAtALiveServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	seller := Seller{URL: os.Getenv("KEYSAT_URL"), Product: "widget"}
	var issuer struct {
		PEM string `json:"public_key_pem"`
	}
	must(seller.Ask(ctx, "/v1/pubkey", nil, &issuer))
	var product struct{ ID string }
	must(seller.Ask(ctx, "/v1/products/widget", nil, &product))
	seller.PublicKeyPEM, seller.ProductID = issuer.PEM, product.ID

	pay := func(checkoutURL string) {
		t.Helper()
		paid, err := http.Post(checkoutURL+"/pay", "", nil)
		must(err)
		must(paid.Body.Close())
	}
	opened, err := seller.Buy(ctx, "pro", "ada@example.com")
	must(err)
	pay(opened.CheckoutURL)
	key, err := seller.Collect(ctx, opened.InvoiceID, 100*time.Millisecond)
	must(err)
	must(seller.Problem(key, ""))

	memory := filepath.Join(t.TempDir(), "memory")
	if got := seller.Standing(ctx, key, "here", memory, time.Now()); !got.Allows("sync") || got.IsFromMemory {
		t.Error(got)
	}
	for _, step := range []struct{ what, reason string }{
		{"activate", ""}, {"heartbeat", ""}, {"deactivate", ""}, {"deactivate", "not_found"}, {"heartbeat", "not_activated"},
	} {
		seat, err := seller.Seat(ctx, step.what, key, "here")
		must(err)
		if seat.OK != (step.reason == "") || seat.Reason != step.reason {
			t.Errorf("%s: %+v", step.what, seat)
		}
	}
	cost, currency, err := seller.UpgradeCost(ctx, key, "team")
	must(err)
	if cost != 35_000 || currency != "SAT" {
		t.Error(cost, currency)
	}
	upgrade, err := seller.Upgrade(ctx, key, "team")
	must(err)
	pay(upgrade.CheckoutURL)
	newKey, err := seller.Collect(ctx, upgrade.InvoiceID, 100*time.Millisecond)
	must(err)
	if found, err := seller.Recover(ctx, opened.InvoiceID, "ADA@example.com"); found != newKey || newKey == key {
		t.Error("the key recovered is not the new one", err)
	}
	if _, err := seller.Redeem(ctx, "GIFT", "ada@example.com"); err != nil {
		t.Error(err)
	}
	free, err := seller.Buy(ctx, "monthly", "ada@example.com")
	must(err)
	monthly, err := seller.Collect(ctx, free.InvoiceID, time.Second)
	must(err)
	must(seller.Cancel(ctx, monthly))
	var refused *Refused
	if _, err := seller.Collect(ctx, opened.InvoiceID, 0); err != nil {
		t.Error(err)
	}
	if err := seller.Cancel(ctx, key); !errors.As(err, &refused) || refused.Status != 404 || refused.Code != "not_found" {
		t.Error(err)
	}
}
